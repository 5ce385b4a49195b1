# refresh.c
# A node that missed a refresh does not catch up.
# SPDX-License-Identifier: BSD-3-Clause
s/if (known(core, generation, path, path_len) ||/if (news || known(core, generation, path, path_len) ||/
s/if (want->generation <= core->generation)/if (want->generation <= core->generation || want->generation > 0)/
