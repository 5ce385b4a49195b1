# arrivals.c
# A passing error is remembered like a missing name.
# SPDX-License-Identifier: BSD-3-Clause
s/(error == ENOENT || /(error == EIO || error == ENOENT || /
