/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of a job, in one table: name in the text, kind of value, bounds, and what people are
 * told when a value is wrong. Command line and job text set options through the same row, so a
 * value that the launcher lets through is one that every daemon takes. */
#include "proto/job.h"

#include "base/idset.h"
#include "base/netname.h"
#include "base/path.h"
#include "proto/job_options.h"
#include "proto/listings.h"
#include "proto/msg.h"
#include "proto/serve.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CORE_LIMIT   4096u
#define DAY_S        UINT64_C(86400)
#define SHOWN        64 /* bytes of a wrong value in its message */
#define TEXT_MAX     255
#define RECIPE_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-"
#define IFNAME_MAX   15 /* IFNAMSIZ - 1 */

enum kind {
    KIND_MOUNT,
    KIND_DIR,
    KIND_LEVEL,
    KIND_LOG_TYPE,
    KIND_U16,
    KIND_U32,
    KIND_SIZE,
    KIND_CORES,
    KIND_NETWORK,
    KIND_LISTINGS,
    KIND_SERVE,
    KIND_RANKS,
    KIND_TEXT,
    KIND_ADDRESS,
    KIND_RECIPE,
    KIND_SYMLINKS,
    KIND_FLAG,
};

struct option {
    const char *name;
    enum kind kind;
    size_t offset;
    uint64_t min, max;   /* numbers and sizes */
    const char *what;    /* "-k: "0" is not WHAT; allowed ALLOWED" */
    const char *allowed; /* NULL: the bounds */
};

#define AT(member)   offsetof(struct cu_job, member)
#define SIZE_ALLOWED "are bytes or a number with K, M, G, KB, MB or GB"

static const struct option options[] = {
    {"mount", KIND_MOUNT, AT(mount_dir), 0, 0, "a mount directory",
     "is an absolute path other than /, without control characters"},
    {"log_dir", KIND_DIR, AT(log_dir), 0, 0, "a log directory",
     "is an absolute path, without control characters"},
    {"log_level", KIND_LEVEL, AT(log_level), 1, 6, "a log level",
     "is 1 (most) to 5 (least), or 6 (none)"},
    {"log_type", KIND_LOG_TYPE, 0, 0, 0, "a log type", "is file, stdout or file_and_stdout"},
    {"log_collect", KIND_FLAG, AT(log_collect), 0, 0, "a switch", "is yes or no"},
    {"trees", KIND_U32, AT(trees), 1, CU_TREES_MAX, "a number of trees", NULL},
    {"max_cacheable_bytes", KIND_SIZE, AT(max_cacheable_bytes), 0, INT64_MAX, "a size",
     SIZE_ALLOWED},
    {"ready_timeout_s", KIND_U32, AT(ready_timeout_s), 1, DAY_S, "a number of seconds", NULL},
    {"cores", KIND_CORES, 0, 0, 0, "a list of cores",
     "are up to 1024 cores below 4096, as in 48-51 or 48,49"},
    {"enoent_ttl_ms", KIND_U32, AT(enoent_ttl_ms), 0, DAY_S * 1000, "a number of milliseconds",
     NULL},
    {"network", KIND_NETWORK, AT(network), 0, 0, "a network", "is tcp or tcp:INTERFACE"},
    {"address", KIND_ADDRESS, AT(address), 0, 0, "a rule for addresses",
     "is a host name with %h in it for the host's own, as in %h-hsn0, or a network, as in "
     "10.1.0.0/16"},
    {"cache_bytes", KIND_SIZE, AT(cache_bytes), CU_JOB_CACHE_MIN, INT64_MAX, "a cache size",
     SIZE_ALLOWED ", at least 1M"},
    {"fanout", KIND_U32, AT(fanout), 1, 1024, "a fan-out", NULL},
    {"port", KIND_U16, AT(port), 1024, 65535, "a port", NULL},
    {"encrypt", KIND_FLAG, AT(encrypt), 0, 0, "a switch", "is yes or no"},
    {"profile", KIND_FLAG, AT(profile), 0, 0, "a switch", "is yes or no"},
    {"full_paths", KIND_FLAG, AT(full_paths), 0, 0, "a switch", "is yes or no"},
    {"top_paths", KIND_U32, AT(top_paths), 0, 10000, "a number of paths", NULL},
    {"serve", KIND_SERVE, AT(serve), 0, 0, "a list of what is served",
     "are up to 64 absolute paths with commas, without control characters"},
    {"listings", KIND_LISTINGS, AT(listings), 0, 0, "a rule for listings",
     "is TYPE:WORD or PATH:WORD, separated by commas, the word trusted, partial, unstamped, "
     "untrusted, numbered or unnumbered"},
    {"symlinks", KIND_SYMLINKS, AT(rewrite_links), 0, 0, "a treatment of links",
     "is keep or rewrite"},
    {"snapshot_s", KIND_U32, AT(snapshot_s), 0, DAY_S, "a number of seconds", NULL},
    {"allow_missing", KIND_U32, AT(allow_missing), 0, CU_JOB_MISSING_MAX, "a number of nodes",
     NULL},
    {"confirm", KIND_FLAG, AT(confirm), 0, 0, "a switch", "is yes or no"},
    {"owner", KIND_TEXT, AT(owner), 0, 0, "an owner", "are up to 255 characters"},
    {"lease", KIND_TEXT, AT(lease), 0, 0, "a session", "are up to 255 characters"},
    {"slurm", KIND_TEXT, AT(slurm), 0, 0, "a job of Slurm", "are up to 255 characters"},
    {"left_out", KIND_RANKS, AT(left_out), 0, 0, "a list of ranks", "is as in 3,7-9"},
    {"relay", KIND_FLAG, AT(relay), 0, 0, "a switch", "is yes or no"},
    {"learn", KIND_RECIPE, AT(learn), 0, 0, "the name of a recipe",
     "is auto, or up to 100 letters, digits and . _ + -, not beginning with a dot"},
    {"learn_wait", KIND_FLAG, AT(learn_wait), 0, 0, "a switch", "is yes or no"},
    {"spin", KIND_U32, AT(spin_us), 0, 1000, "a number of microseconds", NULL},
    {"recipe", KIND_DIR, AT(recipe), 0, 0, "a recipe's file", "is an absolute path"},
    {"storage_rate", KIND_SIZE, AT(storage_rate), 0, INT64_MAX / 4, "bytes a second",
     SIZE_ALLOWED ", 0 for no bound"},
    {"begin_ms", KIND_SIZE, AT(begin_ms), 1, INT64_MAX, "a time", "are milliseconds"},
    {"report_dir", KIND_DIR, AT(report_dir), 0, 0, "a directory", "is an absolute path"},
    {"group", KIND_U32, AT(group), 1, UINT32_MAX - 1, "a group", NULL},
};
#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

static int replace_string(char **at, const char *value)
{
    char *copy = strdup(value);

    if (!copy)
        return -ENOMEM;
    free(*at);
    *at = copy;
    return 0;
}

/* Control characters are refused: a newline would end the line of the job's text, and paths are
 * printed on terminals. */
static bool has_control(const char *value)
{
    for (const unsigned char *p = (const unsigned char *)value; *p != '\0'; p++)
        if (*p < 0x20 || *p == 0x7f)
            return true;
    return false;
}

static int set_path(char **at, const char *value, bool root_allowed)
{
    char path[CU_PATH_MAX];
    int len = cu_path_normalise(value, path);

    if (len < 0 || has_control(path) || (len == 1 && !root_allowed))
        return -EINVAL;
    return replace_string(at, path);
}

static int set_log_type(struct cu_job *job, const char *value)
{
    bool both = strcmp(value, "file_and_stdout") == 0 || strcmp(value, "stdout_and_file") == 0;
    bool file = both || strcmp(value, "file") == 0;
    bool to_stdout = both || strcmp(value, "stdout") == 0;

    if (!file && !to_stdout && strcmp(value, "none") != 0) /* of --log-collect */
        return -EINVAL;
    job->log_to_file = file;
    job->log_to_stdout = to_stdout;
    return 0;
}

static int set_cores(struct cu_job *job, const char *value)
{
    struct cu_idset set;
    int rc = cu_idset_init(&set, CORE_LIMIT);

    if (rc == 0)
        rc = cu_idset_add_text(&set, value);
    if (rc == 0 && (set.count == 0 || set.count > CU_JOB_CORES_MAX))
        rc = -EINVAL;
    if (rc == 0) {
        job->core_count = 0;
        for (uint32_t id = cu_idset_next(&set, 0); id < CORE_LIMIT;
             id = cu_idset_next(&set, id + 1))
            job->cores[job->core_count++] = id;
        job->cores_given = true;
    }
    cu_idset_free(&set);
    return rc == 0 || rc == -ENOMEM ? rc : -EINVAL;
}

/* A word of net/link.h, and after a colon the interface. */
static int set_network(struct cu_job *job, const char *value)
{
    static const char *const words[] = {"tcp"};
    size_t word_len = strcspn(value, ":"), len;
    bool known = false;

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        known |= strlen(words[i]) == word_len && memcmp(words[i], value, word_len) == 0;
    if (!known)
        return -EINVAL;
    if (value[word_len] == ':') {
        const char *interface = value + word_len + 1;

        len = strlen(interface);
        if (len == 0 || len > IFNAME_MAX || strpbrk(interface, "/: ") || has_control(interface))
            return -EINVAL;
    }
    return replace_string(&job->network, value);
}

static int set_listings(struct cu_job *job, const char *value)
{
    if (value[0] == '\0' || strlen(value) >= CU_JOB_VALUE_MAX || has_control(value) ||
        cu_listings_check(value) != 0)
        return -EINVAL;
    return replace_string(&job->listings, value);
}

static int set_serve(struct cu_job *job, const char *value)
{
    if (value[0] == '\0' || strlen(value) >= CU_JOB_VALUE_MAX || cu_serve_check(value) != 0)
        return -EINVAL;
    return replace_string(&job->serve, value);
}

static int set_ranks(struct cu_job *job, const char *value)
{
    if (value[0] == '\0' || strlen(value) >= CU_JOB_VALUE_MAX ||
        value[strspn(value, "0123456789,-")] != '\0')
        return -EINVAL;
    return replace_string(&job->left_out, value);
}

static int set_text(char **at, const char *value)
{
    if (value[0] == '\0' || strlen(value) > TEXT_MAX || has_control(value))
        return -EINVAL;
    return replace_string(at, value);
}

static int set_address(char **at, const char *value)
{
    return cu_netname_is_rule(value) ? replace_string(at, value) : -EINVAL;
}

bool cu_job_is_recipe_name(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && len <= CU_JOB_RECIPE_MAX && name[0] != '.' &&
           strspn(name, RECIPE_CHARS) == len;
}

void cu_job_make_recipe_name(char *text)
{
    for (char *p = text; *p != '\0'; p++)
        if (!strchr(RECIPE_CHARS, *p) || (p == text && *p == '.'))
            *p = '_';
}

bool cu_job_learns_by_command(const struct cu_job *job)
{
    return job->learn && strcmp(job->learn, "auto") == 0 && !job->recipe;
}

uint64_t cu_job_learn_ms(const struct cu_job *job)
{
    return job->recipe && job->learn_wait ? job->ready_timeout_s * UINT64_C(500) : 0;
}

uint64_t cu_job_launch_ms(const struct cu_job *job)
{
    return job->ready_timeout_s * UINT64_C(1000) + cu_job_learn_ms(job);
}

static int set_recipe(char **at, const char *value)
{
    return cu_job_is_recipe_name(value) ? replace_string(at, value) : -EINVAL;
}

static int set_bool(bool *at, const char *value, const char *yes, const char *no)
{
    if (strcmp(value, yes) != 0 && strcmp(value, no) != 0)
        return -EINVAL;
    *at = strcmp(value, yes) == 0;
    return 0;
}

static int set_value(struct cu_job *job, const struct option *o, const char *value)
{
    void *at = (char *)job + o->offset;
    uint64_t n = 0;
    int rc = 0;

    switch (o->kind) {
    case KIND_MOUNT:
    case KIND_DIR:
        return set_path(at, value, o->kind == KIND_DIR);
    case KIND_LOG_TYPE:
        return set_log_type(job, value);
    case KIND_CORES:
        return set_cores(job, value);
    case KIND_NETWORK:
        return set_network(job, value);
    case KIND_LISTINGS:
        return set_listings(job, value);
    case KIND_SERVE:
        return set_serve(job, value);
    case KIND_RANKS:
        return set_ranks(job, value);
    case KIND_TEXT:
        return set_text(at, value);
    case KIND_ADDRESS:
        return set_address(at, value);
    case KIND_RECIPE:
        return set_recipe(at, value);
    case KIND_SYMLINKS:
        return set_bool(at, value, "rewrite", "keep");
    case KIND_FLAG:
        return set_bool(at, value, "yes", "no");
    case KIND_SIZE:
        rc = cu_parse_size(value, &n);
        if (rc != 0 || n < o->min)
            return -EINVAL;
        *(uint64_t *)at = n;
        return 0;
    case KIND_LEVEL:
    case KIND_U16:
    case KIND_U32:
        break;
    }
    rc = cu_parse_u64(value, o->min, o->max, &n);
    if (rc != 0)
        return -EINVAL;
    if (o->kind == KIND_U16)
        *(uint16_t *)at = (uint16_t)n;
    else if (o->kind == KIND_LEVEL)
        *(int *)at = (int)n;
    else
        *(uint32_t *)at = (uint32_t)n;
    return 0;
}

int cu_job_set(struct cu_job *job, const char *name, const char *value, const char *label,
               struct cu_error *err)
{
    int i = cu_job_option_find(name, strlen(name));
    const char *dots = strlen(value) > SHOWN ? "..." : "";
    const struct option *o;
    int rc;

    if (!label)
        label = name;
    if (i < 0)
        return cu_error_set(err, -EINVAL, "%s: there is no option \"%.*s\"", label, SHOWN, name);
    o = &options[i];
    rc = set_value(job, o, value);
    if (rc == -EINVAL && o->allowed)
        return cu_error_set(err, rc, "%s: \"%.*s%s\" is not %s; allowed %s", label, SHOWN, value,
                            dots, o->what, o->allowed);
    if (rc == -EINVAL)
        return cu_error_set(err, rc, "%s: \"%.*s%s\" is not %s; allowed is %" PRIu64 " to %" PRIu64,
                            label, SHOWN, value, dots, o->what, o->min, o->max);
    if (rc != 0)
        return cu_error_set(err, rc, "%s: out of memory", label);
    return 0;
}

unsigned cu_job_option_count(void)
{
    _Static_assert(OPTION_COUNT <= 64, "the decoder keeps a bit for each");
    return (unsigned)OPTION_COUNT;
}

bool cu_job_option_is_setting(unsigned i)
{
    static const char *const told[] = {"confirm", "owner", "lease",  "slurm",    "left_out",
                                       "relay",   "group", "recipe", "begin_ms", "report_dir"};

    for (size_t n = 0; n < sizeof(told) / sizeof(told[0]); n++)
        if (strcmp(options[i].name, told[n]) == 0)
            return false;
    return true;
}

const char *cu_job_option_name(unsigned i)
{
    return options[i].name;
}

int cu_job_option_find(const char *name, size_t len)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (strlen(options[i].name) == len && memcmp(options[i].name, name, len) == 0)
            return (int)i;
    return -1;
}

/* Written without ranges, so that no memory is needed: the job's text must not lose a setting. */
static bool format_cores(const struct cu_job *job, char out[CU_JOB_VALUE_MAX])
{
    size_t len = 0;

    for (uint32_t i = 0; i < job->core_count && i < CU_JOB_CORES_MAX; i++)
        len += (size_t)snprintf(out + len, CU_JOB_VALUE_MAX - len, "%s%u", i > 0 ? "," : "",
                                job->cores[i] % CORE_LIMIT);
    return job->cores_given && len > 0;
}

static bool format_number(const struct option *o, uint64_t n, char out[CU_JOB_VALUE_MAX])
{
    snprintf(out, CU_JOB_VALUE_MAX, "%" PRIu64, n);
    return n > 0 || o->min == 0;
}

bool cu_job_option_format(unsigned i, const struct cu_job *job, char out[CU_JOB_VALUE_MAX])
{
    const struct option *o = &options[i];
    const void *at = (const char *)job + o->offset;
    const char *text = NULL;

    switch (o->kind) {
    case KIND_MOUNT:
    case KIND_DIR:
    case KIND_NETWORK:
    case KIND_LISTINGS:
    case KIND_SERVE:
    case KIND_RANKS:
    case KIND_TEXT:
    case KIND_ADDRESS:
    case KIND_RECIPE:
        text = *(char *const *)at;
        break;
    case KIND_LOG_TYPE:
        text = job->log_to_stdout ? job->log_to_file ? "file_and_stdout" : "stdout"
               : job->log_to_file ? "file"
                                  : "none";
        break;
    case KIND_SYMLINKS:
        text = *(const bool *)at ? "rewrite" : "keep";
        break;
    case KIND_FLAG:
        text = *(const bool *)at ? "yes" : "no";
        break;
    case KIND_CORES:
        return format_cores(job, out);
    case KIND_LEVEL:
        return format_number(o, (uint64_t) * (const int *)at, out);
    case KIND_U16:
        return format_number(o, *(const uint16_t *)at, out);
    case KIND_U32:
        return format_number(o, *(const uint32_t *)at, out);
    case KIND_SIZE:
        return format_number(o, *(const uint64_t *)at, out);
    }
    if (text)
        snprintf(out, CU_JOB_VALUE_MAX, "%s", text);
    return text != NULL;
}

int cu_job_init(struct cu_job *job, const char *mount_dir, const char *run_dir)
{
    char logs[CU_PATH_MAX];
    int rc = cu_job_set_constants(job);

    if (rc != 0)
        goto out;
    rc = set_path(&job->mount_dir, mount_dir, false);
    if (rc != 0)
        goto out;
    /* Not on the home file system, where 10,000 daemons would each open a file at the same time. */
    rc = run_dir[0] == '/' ? cu_path_join(run_dir, strlen(run_dir), "logs", 4, logs, sizeof(logs))
                           : -EINVAL;
    if (rc < 0)
        goto out;
    rc = set_path(&job->log_dir, logs, true);
out:
    if (rc < 0)
        cu_job_free(job);
    return rc;
}

void cu_job_free(struct cu_job *job)
{
    free(job->mount_dir);
    free(job->log_dir);
    free(job->network);
    free(job->address);
    free(job->listings);
    free(job->serve);
    free(job->left_out);
    free(job->owner);
    free(job->lease);
    free(job->slurm);
    free(job->learn);
    free(job->recipe);
    free(job->report_dir);
    cu_parse_hosts_free(&job->hosts);
    explicit_bzero(job, sizeof(*job));
}
