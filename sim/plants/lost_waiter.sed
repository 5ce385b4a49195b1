# flight.c
# Flights of a lost parent are not started anew.
s/object->asked == lost)/(object->asked == lost \&\& lost == CU_RANK_NONE))/
