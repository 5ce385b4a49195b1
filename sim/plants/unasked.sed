# renew.c
# A parent confirms listings that it does not hold in that version.
# SPDX-License-Identifier: BSD-3-Clause
s/bool confirmed = !value->error && value->unchanged && !value->partial;/bool confirmed = !value->error;/
