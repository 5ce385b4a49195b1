# slots.c
# An answer to an older flight passes for the answer to the one that has its place now.
s/if (index >= core->slot_count || .*$/if (index >= core->slot_count)/
