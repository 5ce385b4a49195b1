# cache.c
# Whoever comes while an object is in flight starts a flight of its own.
# SPDX-License-Identifier: BSD-3-Clause
s/^    if (object)$/    if (object \&\& object->state == CU_FLIGHT_FILLED)/
