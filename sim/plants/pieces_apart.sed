# pieces.c
# A piece is asked for though the chunk that it is of is held or under way.
# SPDX-License-Identifier: BSD-3-Clause
s/^    while (larger.piece != CU_PIECE_WHOLE) {$/    while (false) {/
