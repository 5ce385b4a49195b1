# flight.c
# Flights of a lost parent are not started anew.
s/flight->asked == lost)/(flight->asked == lost \&\& lost == CU_RANK_NONE))/
