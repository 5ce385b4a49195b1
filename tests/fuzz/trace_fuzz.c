/* SPDX-License-Identifier: BSD-3-Clause */
/* Traces that the simulator replays: one that is taken names only files that it has. */
#include "fuzz.h"

#include "sim.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cu_sim sim = {.world = cu_sim_world_new(1)};
    struct cu_error err = {""};
    int fd = memfd_create("trace", MFD_CLOEXEC);
    char path[32];

    FUZZ_CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (cu_sim_trace_load(&sim, path, &err) == 0) {
        FUZZ_CHECK(sim.op_count > 0);
        for (uint32_t i = 0; i < sim.op_count; i++)
            FUZZ_CHECK(sim.ops[i].file < sim.world->count);
    } else {
        FUZZ_CHECK(err.text[0] != '\0');
    }
    close(fd);
    free(sim.ops);
    cu_sim_world_free(sim.world);
    return 0;
}
