# arrivals.c
# The checksum of what a parent sent is not looked at.
# SPDX-License-Identifier: BSD-3-Clause
s/object->verified = cu_buf_hash(.*;/object->verified = true;/
