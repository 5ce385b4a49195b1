# cache.c
# The budget is not kept.
# SPDX-License-Identifier: BSD-3-Clause
s/<= budget/<= UINT64_MAX/
