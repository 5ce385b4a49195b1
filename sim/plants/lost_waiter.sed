# reroute.c
# Flights of a lost parent are not started anew.
# SPDX-License-Identifier: BSD-3-Clause
s/flight->asked == lost)/(flight->asked == lost \&\& lost == CU_RANK_NONE))/
