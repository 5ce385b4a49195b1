# tree.c
# A node may also ask those above its place.
s/lower < place && count < max/lower < tree->node_count \&\& count < max/
s/if (i == ancestors)/if (i == ancestors \&\& lower != place)/
