/* SPDX-License-Identifier: BSD-3-Clause */
/* libfuse, at the one version of its interface that the front is written for. */
#ifndef CU_FRONT_FUSE_H
#define CU_FRONT_FUSE_H

#define FUSE_USE_VERSION 35

#include <fuse_lowlevel.h>

#endif
