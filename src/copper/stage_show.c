/* SPDX-License-Identifier: BSD-3-Clause */
#include "copper/stage_show.h"

#include "base/text.h"
#include "control/shown.h"
#include "copper/cli.h"
#include "copper/progress.h"
#include "host/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BAR_WIDTH 24u
#define LINES_MS  1000 /* between two lines for programs */

void cu_stage_show_begin(struct cu_stage_show *show, const char *path, bool json)
{
    *show = (struct cu_stage_show){.path = path, .json = json, .begun_ms = cu_clock_ms()};
    show->quiet = !json && isatty(STDERR_FILENO) != 1;
}

/* Bytes a second of the slowest node since the first look. */
static double rate_of(const struct cu_stage_show *show, const json_t *stage)
{
    uint64_t done = cu_cli_number(stage, "bytes_done");
    int64_t ms = cu_clock_ms() - show->begun_ms;

    if (ms <= 0 || done <= show->begun_bytes)
        return 0;
    return (double)(done - show->begun_bytes) * 1000 / (double)ms;
}

static void print_json(const struct cu_stage_show *show, const json_t *stage, uint64_t silent,
                       const char *state)
{
    json_t *line = json_deep_copy(stage);
    char *text;

    if (!json_is_object(line)) {
        json_decref(line);
        line = json_object();
    }
    json_object_set_new(line, "path", cu_shown_name(show->path, strlen(show->path)));
    json_object_set_new(line, "state", json_string(state));
    json_object_set_new(line, "silent", json_integer((json_int_t)silent));
    json_object_set_new(line, "seconds",
                        json_real((double)(cu_clock_ms() - show->begun_ms) / 1000));
    json_object_set_new(line, "bytes_per_second", json_integer((json_int_t)rate_of(show, stage)));
    text = json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(6));
    json_decref(line);
    puts(text ? text : "{}");
    fflush(stdout);
    free(text);
}

static void make_bar(char bar[BAR_WIDTH + 3], uint64_t done, uint64_t all, bool walked)
{
    uint64_t full = all > 0 && done <= all ? done * BAR_WIDTH / all : walked ? BAR_WIDTH : 0;

    bar[0] = '[';
    for (uint32_t i = 0; i < BAR_WIDTH; i++)
        bar[1 + i] = i < full ? '#' : '.';
    memcpy(bar + 1 + BAR_WIDTH, "]", 2);
}

static void show_bar(struct cu_stage_show *show, const json_t *stage, uint64_t silent)
{
    uint64_t done = cu_cli_number(stage, "bytes_done"), all = cu_cli_number(stage, "bytes");
    bool walked = cu_cli_number(stage, "walked") == cu_cli_number(stage, "nodes");
    char bar[BAR_WIDTH + 3], sizes[3][32], eta[64] = "", line[512], slow[CU_TEXT_BYTES(64)];
    const char *slowest = cu_cli_text(stage, "slowest");
    double rate = rate_of(show, stage);

    make_bar(bar, done, all, walked);
    cu_text_line(slow, sizeof(slow), slowest, strnlen(slowest, 64));
    if (walked && rate > 0 && all > done)
        snprintf(eta, sizeof(eta), ", %.0f s left", (double)(all - done) / rate);
    snprintf(line, sizeof(line),
             "%s %s of %s%s, %" PRIu64 " of %" PRIu64 " objects, %s/s, %" PRIu64 " of %" PRIu64
             " nodes done, slowest %s%s%s",
             bar, cu_cli_size(done, sizes[0]), cu_cli_size(all, sizes[1]), walked ? "" : " so far",
             cu_cli_number(stage, "objects_done"), cu_cli_number(stage, "objects"),
             cu_cli_size((uint64_t)rate, sizes[2]), cu_cli_number(stage, "done"),
             cu_cli_number(stage, "nodes") + silent, slow, eta,
             silent > 0 ? ", some nodes do not answer" : "");
    cu_progress_put(line);
}

void cu_stage_show_progress(struct cu_stage_show *show, const json_t *stage, uint64_t silent)
{
    int64_t now_ms = cu_clock_ms();

    if (show->shown_ms == 0)
        show->begun_bytes = cu_cli_number(stage, "bytes_done");
    if (!show->json && !show->quiet)
        show_bar(show, stage, silent);
    else if (show->json && now_ms - show->shown_ms >= LINES_MS)
        print_json(show, stage, silent, "runs");
    else
        return;
    show->shown_ms = now_ms;
}

void cu_stage_show_end(struct cu_stage_show *show)
{
    if (!show->json && !show->quiet && show->shown_ms > 0)
        cu_progress_clear();
}

void cu_stage_show_result(const struct cu_stage_show *show, const json_t *stage, uint64_t silent,
                          const char *state)
{
    uint64_t nodes = cu_cli_number(stage, "nodes");
    char size[32];

    if (show->json) {
        print_json(show, stage, silent, state);
        return;
    }
    cu_cli_say(stdout, "%s: %s, %" PRIu64 " objects %s on %" PRIu64 " node%s, %.2f s", show->path,
               cu_cli_size(cu_cli_number(stage, "bytes_done"), size),
               cu_cli_number(stage, "objects_done"), state, nodes, nodes == 1 ? "" : "s",
               (double)(cu_clock_ms() - show->begun_ms) / 1000);
}
