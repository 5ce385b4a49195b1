# core.c
# A node that missed a refresh does not catch up.
s/if (generation <= core->generation)/if (generation <= core->generation || generation > 0)/
