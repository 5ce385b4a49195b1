# haste.c
# The same, where storage is to read it.
# SPDX-License-Identifier: BSD-3-Clause
s/^        cu_lane_wanted(core, flight);$/        flight->later = false;/
