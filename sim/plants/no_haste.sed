# flight.c
# Somebody waits for what nobody waited for, and it stays behind all others.
# SPDX-License-Identifier: BSD-3-Clause
s/^        if (in->waiter && !in->waiter->later)$/        if (false)/
