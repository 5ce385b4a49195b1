# slots.c
# An answer to an older flight passes for the answer to the one that has its place now.
# SPDX-License-Identifier: BSD-3-Clause
s/if (index >= core->slot_count || .*$/if (index >= core->slot_count)/
