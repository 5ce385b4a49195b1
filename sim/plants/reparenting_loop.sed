# tree.c
# A node may also ask those above its place.
# SPDX-License-Identifier: BSD-3-Clause
s/lower < place && count < max/lower < tree->node_count \&\& count < max/
s/if (i == ancestors)/if (i == ancestors \&\& lower != place)/
