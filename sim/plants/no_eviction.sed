# cache.c
# The budget is not kept.
s/<= budget/<= UINT64_MAX/
