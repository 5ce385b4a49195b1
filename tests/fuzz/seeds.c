/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes one input of every shape for every harness, so that the fuzzer starts from messages and
 * not from noise. Run it again after a change of the wire format: fuzz_seeds tests/fuzz/corpus */
#include "fuzz.h"

#include "control/sample.h"
#include "handshake_fixture.h"
#include "proto/auth.h"
#include "proto/check.h"
#include "proto/dir.h"
#include "proto/holes.h"
#include "proto/job.h"
#include "proto/logpage.h"
#include "proto/msg.h"
#include "proto/recipe.h"
#include "proto/survey.h"
#include "proto/xattr.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

static const char *corpus;

/* CORPUS/HARNESS/seed-NAME */
static void write_seed(const char *harness, const char *name, const void *a, size_t a_size,
                       const void *b, size_t b_size)
{
    char path[4096];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", corpus, harness);
    FUZZ_CHECK(mkdir(path, 0777) == 0 || errno == EEXIST);
    snprintf(path, sizeof(path), "%s/%s/seed-%s", corpus, harness, name);
    file = fopen(path, "wb");
    FUZZ_CHECK(file);
    FUZZ_CHECK(fwrite(a, 1, a_size, file) == a_size);
    FUZZ_CHECK(b_size == 0 || fwrite(b, 1, b_size, file) == b_size);
    FUZZ_CHECK(fclose(file) == 0);
}

static void write_text(const char *harness, const char *name, const char *text)
{
    write_seed(harness, name, text, strlen(text), NULL, 0);
}

/* The message twice, in pieces of 7 bytes. */
static void write_stream(const char *name, const struct cu_buf *head, const struct cu_buf *bulk)
{
    size_t bulk_size = bulk ? bulk->size : 0, size = head->size + bulk_size;
    uint8_t *stream = malloc(1 + 2 * size);

    FUZZ_CHECK(stream);
    stream[0] = 6;
    for (uint8_t *at = stream + 1; at < stream + 1 + 2 * size; at += size) {
        memcpy(at, head->data, head->size);
        if (bulk)
            memcpy(at + head->size, bulk->data, bulk_size);
    }
    write_seed("frame", name, stream, 1 + 2 * size, NULL, 0);
    free(stream);
}

/* The same with tags. */
static void write_tagged_stream(const char *name, const struct cu_buf *head,
                                const struct cu_buf *bulk)
{
    const struct cu_handshake_config keys = fixture_config(false, false);
    size_t bulk_size = bulk ? bulk->size : 0;
    size_t size = head->size + CU_AUTH_TAG_BYTES + bulk_size;
    uint8_t *stream = malloc(1 + 2 * size), digest[CU_AUTH_DIGEST_BYTES];
    struct cu_auth_job job;
    struct cu_auth auth;

    FUZZ_CHECK(stream);
    cu_auth_job_init(&job, keys.key);
    cu_auth_init(&auth, keys.secret);
    if (bulk)
        cu_auth_digest(&job, bulk->data, bulk->size, digest);
    stream[0] = 0x80 | 6;
    for (uint8_t *at = stream + 1; at < stream + 1 + 2 * size; at += size) {
        memcpy(at, head->data, head->size);
        cu_auth_tag(&auth, at, head->size, bulk ? digest : NULL, at + head->size);
        if (bulk)
            memcpy(at + head->size + CU_AUTH_TAG_BYTES, bulk->data, bulk_size);
    }
    write_seed("frame", name, stream, 1 + 2 * size, NULL, 0);
    free(stream);
}

static void write_msg(const char *name, const struct cu_msg *msg)
{
    struct cu_buf *head, *bulk;
    char tagged[64];

    FUZZ_CHECK(cu_msg_encode(msg, &head, &bulk) == 0);
    write_stream(name, head, bulk);
    if (msg->type == CU_MSG_PING || (msg->type == CU_MSG_ANSWER && bulk)) {
        snprintf(tagged, sizeof(tagged), "%s-tagged", name);
        write_tagged_stream(tagged, head, bulk);
    }
    write_seed("msg", name, head->data, head->size, bulk ? bulk->data : NULL,
               bulk ? bulk->size : 0);
    cu_buf_unref(head);
    cu_buf_unref(bulk);
}

static struct cu_buf *listing(void)
{
    static const struct cu_dirent entries[] = {
        {.ino = 11, .type = DT_DIR, .name_len = 5, .name = "numpy"},
        {.ino = 12, .type = DT_REG, .name_len = 6, .name = "six.py"},
        {.ino = UINT64_MAX, .type = DT_LNK, .name_len = 3, .name = "..."},
        {.ino = 0, .type = DT_UNKNOWN, .name_len = 2, .name = "\xc3\xa4"},
    };
    struct cu_dir_builder *b = cu_dir_builder_new();
    struct cu_buf *bytes;

    FUZZ_CHECK(b);
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
        FUZZ_CHECK(cu_dir_builder_add(b, &entries[i]) == 0);
    bytes = cu_dir_builder_finish(b);
    FUZZ_CHECK(bytes);
    return bytes;
}

static struct cu_buf *attributes(void)
{
    static const struct cu_xattr pairs[] = {
        {.name = "user.origin", .name_len = 11, .value = "conda", .value_len = 5},
        {.name = "security.selinux", .name_len = 16, .value = "a\0b", .value_len = 3},
        {.name = "user.empty", .name_len = 10, .value = "", .value_len = 0},
    };
    struct cu_buf *bytes = NULL;

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        FUZZ_CHECK(cu_xattr_append(&bytes, &pairs[i]) == 0);
    return bytes;
}

static void seed_wants(void)
{
    static const char *const names[] = {"",           "want-attr",   "want-dir",  "want-data",
                                        "want-xattr", "want-statfs", "want-holes"};
    static const char path[] = "/lus/flare/projects/py/lib/python3.11/site-packages";

    for (enum cu_kind kind = CU_KIND_ATTR; kind < CU_KIND_COUNT; kind++) {
        struct cu_msg msg = {.type = CU_MSG_WANT, .id = kind};

        msg.want = (struct cu_msg_want){
            .kind = kind, .tree = 1, .generation = 2, .path = path, .path_len = sizeof(path) - 1};
        if (kind == CU_KIND_ATTR)
            msg.want.flags = CU_WANT_CONTENT;
        if (kind == CU_KIND_DATA)
            msg.want.chunk = 3;
        if (kind == CU_KIND_DATA)
            msg.want.piece = 70;
        if (kind <= CU_KIND_DATA || kind == CU_KIND_HOLES)
            msg.want.version = (struct cu_version){3, {4, 5}, {6, 7}};
        write_msg(names[kind], &msg);
        if (kind == CU_KIND_DATA) {
            msg.want.flags = CU_WANT_LATER;
            write_msg("want-later", &msg);
            msg.want.flags = CU_WANT_NOW;
            write_msg("want-now", &msg);
        }
    }
}

static void write_answer(const char *name, enum cu_kind kind, const struct cu_value *value)
{
    struct cu_msg msg = {.type = CU_MSG_ANSWER, .id = 9};

    msg.answer = (struct cu_msg_answer){.kind = kind, .generation = 2, .key = 11, .value = *value};
    write_msg(name, &msg);
    cu_msg_clear(&msg);
}

static void seed_answers(void)
{
    const struct cu_attr file = {.mode = S_IFREG | 0644,
                                 .nlink = 1,
                                 .uid = 1000,
                                 .gid = 1000,
                                 .ino = 2,
                                 .size = 10,
                                 .blocks = 8,
                                 .blksize = 4096,
                                 .mtime = {.sec = 1700000000, .nsec = 5}};
    struct cu_attr link = file;
    const struct cu_version version = cu_version_of(&file);
    struct cu_buf *holes = NULL;

    link.mode = S_IFLNK | 0777;
    write_answer("answer-attr", CU_KIND_ATTR, &(struct cu_value){.attr = file});
    write_answer("answer-content", CU_KIND_ATTR,
                 &(struct cu_value){
                     .attr = file, .content = cu_buf_copy("import os\n", 10), .content_hash = 77});
    write_answer("answer-link", CU_KIND_ATTR,
                 &(struct cu_value){.attr = link, .bytes = cu_buf_copy("../lib64", 8), .hash = 78});
    write_answer("answer-dir", CU_KIND_DIR,
                 &(struct cu_value){.version = version, .bytes = listing(), .hash = 79});
    write_answer("answer-unchanged", CU_KIND_DIR,
                 &(struct cu_value){.version = version, .unchanged = true});
    write_answer("answer-data", CU_KIND_DATA,
                 &(struct cu_value){
                     .version = version, .bytes = cu_buf_copy("\177ELF\2\1\1", 7), .hash = 80});
    write_answer("answer-empty", CU_KIND_DATA,
                 &(struct cu_value){.version = version, .bytes = cu_buf_new(0), .hash = 81});
    write_answer("answer-xattr", CU_KIND_XATTR,
                 &(struct cu_value){.bytes = attributes(), .hash = 82});
    write_answer("answer-statfs", CU_KIND_STATFS,
                 &(struct cu_value){.statfs = {4096, 4096, 1000, 500, 400, 100, 50, 255}});
    FUZZ_CHECK(cu_holes_append(&holes, (struct cu_hole){4096, 1 << 20}) == 0);
    write_answer("answer-holes", CU_KIND_HOLES,
                 &(struct cu_value){.version = version, .bytes = holes, .hash = 83});
    write_answer("answer-error", CU_KIND_ATTR, &(struct cu_value){.error = ENOENT, .age_ms = 3});
}

static void seed_other_messages(void)
{
    static const uint8_t bits[] = {0xff, 0x03};
    struct cu_msg msg = {.type = CU_MSG_JOIN, .join = {.trees = 5}};

    write_msg("join", &msg);
    write_msg("ping", &(struct cu_msg){.type = CU_MSG_PING, .id = 4});
    write_msg("pong", &(struct cu_msg){.type = CU_MSG_PONG, .id = 4});
    write_msg("bye", &(struct cu_msg){.type = CU_MSG_BYE});
    msg = (struct cu_msg){.type = CU_MSG_READY, .ready = {.first = 8, .count = 10, .bits = bits}};
    write_msg("ready", &msg);
    msg = (struct cu_msg){.type = CU_MSG_REFRESH, .refresh = {7, "/a/b", 4}};
    write_msg("refresh", &msg);
    for (enum cu_msg_type type = CU_MSG_CONTROL; type <= CU_MSG_RESULT; type++) {
        msg = (struct cu_msg){.type = type, .id = 6};
        msg.control.json = cu_buf_copy("{\"op\": \"status\"}", 16);
        write_msg(type == CU_MSG_CONTROL ? "control" : "result", &msg);
        cu_msg_clear(&msg);
    }
}

static void seed_checks(void)
{
    static const char *const paths[] = {"/lus/env/lib/python3.11", "/lus/env/lib/python3.11/numpy",
                                        "/lus/env/lib"};
    static struct cu_check_writer writer;
    struct cu_msg msg = {.type = CU_MSG_CHECK, .check = {.generation = 2, .tree = 1}};

    for (size_t i = 0; i < 3; i++) {
        struct cu_check_question question = {.id = i << 32 | 5,
                                             .version = {4096, {1700000000, 5}, {1700000000, 6}}};

        question.path = paths[i];
        question.path_len = (uint16_t)strlen(paths[i]);
        FUZZ_CHECK(cu_check_add(&writer, &question) == 0);
    }
    msg.check.list = writer.list;
    write_msg("check", &msg);
    cu_msg_clear(&msg);
    msg = (struct cu_msg){.type = CU_MSG_CHECKED};
    msg.check.list = cu_buf_new(2 * CU_CHECK_ANSWER);
    FUZZ_CHECK(msg.check.list);
    msg.check.list->size = 2 * CU_CHECK_ANSWER;
    cu_check_put_answer(msg.check.list->data, (struct cu_check_answer){5, 1999});
    cu_check_put_answer(msg.check.list->data + CU_CHECK_ANSWER,
                        (struct cu_check_answer){1ull << 32 | 5, CU_CHECK_ASK});
    write_msg("checked", &msg);
    cu_msg_clear(&msg);
}

static void seed_payloads(void)
{
    struct cu_buf *dir = listing(), *xattr = attributes();

    write_seed("dir", "listing", dir->data, dir->size, NULL, 0);
    write_seed("dir", "empty", "", 0, NULL, 0);
    write_seed("xattr", "pairs", xattr->data, xattr->size, NULL, 0);
    cu_buf_unref(dir);
    cu_buf_unref(xattr);
}

/* A whole honest handshake; the server's end may want something else. */
static void seed_handshake(const char *name, bool encrypt, bool server_encrypts, bool other_job)
{
    struct cu_handshake_config client_config = fixture_config(false, encrypt);
    struct cu_handshake_config server_config = fixture_config(true, server_encrypts);
    uint8_t hello[1 + CU_HELLO_BYTES], challenge[1 + CU_CHALLENGE_BYTES];
    uint8_t proof[CU_CHALLENGE_BYTES] = {0};
    struct cu_handshake client, server;
    size_t out_len;
    int rc;

    if (other_job)
        client_config.job_id[0]++;
    hello[0] = server_encrypts;
    challenge[0] = encrypt;
    cu_handshake_client_start(&client, &client_config, hello + 1);
    cu_handshake_server_start(&server, &server_config);
    rc = cu_handshake_feed(&server, hello + 1, challenge + 1, &out_len);
    FUZZ_CHECK((rc == 0) == (encrypt == server_encrypts && !other_job));
    FUZZ_CHECK(out_len == CU_CHALLENGE_BYTES);
    rc = cu_handshake_feed(&client, challenge + 1, proof, &out_len);
    FUZZ_CHECK((rc == 1) == (encrypt == server_encrypts && !other_job));
    write_seed("handshake_server", name, hello, sizeof(hello), proof, CU_PROOF_BYTES);
    write_seed("handshake_client", name, challenge, sizeof(challenge), NULL, 0);
}

static void seed_texts(void)
{
    write_text("job", "small",
               "exit 93\ncopper-job 3\nid 000102030405060708090a0b0c0d0e0f\n"
               "key 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
               "mount /tmp/alice/copper\nlog_dir /tmp/alice/logs\nhosts 2\nnode1\nnode2\n");
    write_text("hosts", "lines", "node10\nnode9\nnode10\n");
    write_text("hosts", "brackets", "x1000c[0-3]s[00-02,7]b0n0,login-1.site.org\n");
    write_text("hosts", "machinefile", "# a comment\nnode1:8 node2 slots=4\n\tnode3\r\n");
    write_text("text", "controls", "a\n\x1b]0;title\x07\x7f\xc2\x9b\x33\x31m");
    write_text("text", "utf8", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xe2\x80\xae");
    write_text("text", "not_utf8", "\xff\xc0\x8a\xed\xa0\x80\xc3(");
    write_text("text", "escaped", "/a\\\\b\\x1b\\xff");
    write_text("values", "size", "10MB");
    write_text("values", "kibibytes", "512KiB");
    write_text("values", "bytes", "9223372036854775807");
    write_text("values", "cores", "0-3,8,48-51");
    write_text("values", "path", "/lus//flare/./a/../b-c/");
}

static void seed_control(void)
{
    write_text("control", "here",
               "s{\"op\":\"status\"}\ns{\"op\":\"doctor\"}\ns{\"op\":\"drop\"}\n"
               "s{\"op\":\"refresh\",\"path\":\"/a\"}\ns{\"op\":\"wait\",\"timeout_ms\":5}\n");
    write_text("control", "up",
               "s{\"op\":\"stats\",\"all\":true}\np{\"ok\":true,\"nodes\":[]}\n"
               "s{\"op\":\"stop\",\"all\":true,\"timeout_ms\":100}\n");
    write_text(
        "control", "below",
        "l{\"op\":\"stats\",\"below\":true}\nc{\"ok\":true,\"ranks\":\"2-3\",\"nodes\":"
        "[{\"host\":\"node2\",\"rank\":2,\"counters\":{}}]}\n"
        "l{\"op\":\"refresh\",\"path\":\"/\",\"below\":true}\nc{\"ok\":true,\"ranks\":\"2\"}\n"
        "l{\"op\":\"stop\",\"below\":true}\nc{\"ok\":true,\"ranks\":\"2,3\",\"stopped\":2}\n");
    write_text("option", "all",
               "trees 2\ncores 48-51\nfanout 3\nnetwork tcp:hsn0\nport 20000\nlog_level 1\n"
               "log_type file_and_stdout\ncache_bytes 512MB\nlog_dir /logs\nmount /tmp/a/m\n"
               "max_cacheable_bytes 0\nready_timeout_s 60\nenoent_ttl_ms 0\nencrypt yes\n"
               "profile yes\nfull_paths no\ntop_paths 100\nsnapshot_s 5\n");
    write_text("option", "wrong", "fanout 0\ncores 5-3\nmount /\nencrypt maybe\nnone x\n");
    write_text("trace", "small",
               "# a comment\nd 0 0 /usr\nf 4 4096 /lib\nl 4 3 /l\n- 5 0 none\n"
               "L 10 0\nR 0 1 0 4096\nD 5 0\nL 0 3\n");
}

static void seed_job(void)
{
    static const char *const options[][2] = {
        {"trees", "2"},           {"cores", "48-51"},   {"fanout", "3"},
        {"network", "tcp:hsn0"},  {"port", "20000"},    {"log_type", "file_and_stdout"},
        {"cache_bytes", "512MB"}, {"log_dir", "/logs"}, {"mount", "/tmp/alice/copper"},
    };
    struct cu_error err;
    struct cu_job job;
    char *text;

    FUZZ_CHECK(cu_job_init(&job, "/tmp/alice/copper", "/tmp/copper-1000") == 0);
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        FUZZ_CHECK(cu_job_set(&job, options[i][0], options[i][1], "seed", &err) == 0);
    FUZZ_CHECK(cu_parse_hosts("node[1-3]", 9, &job.hosts, &err) == 0);
    text = cu_job_encode(&job);
    FUZZ_CHECK(text);
    write_text("job", "options", text);
    free(text);
    cu_job_free(&job);
}

static void seed_recipe(void)
{
    struct cu_recipe *recipe = cu_recipe_new();
    const char checksum = 1;
    struct cu_buf *bytes;

    FUZZ_CHECK(recipe && cu_recipe_note(recipe, "/usr/lib", 8, CU_RECIPE_LISTING, 0) == 0);
    FUZZ_CHECK(cu_recipe_note(recipe, "/usr/lib/a.py", 13, CU_RECIPE_CONTENT, 700) == 0);
    FUZZ_CHECK(cu_recipe_note_part(recipe, "/usr/lib/b.so", 13, 9000000,
                                   (struct cu_recipe_part){2, 3}) == 0);
    FUZZ_CHECK(cu_recipe_note_part(recipe, "/usr/lib/b.so", 13, 9000000,
                                   (struct cu_recipe_part){0, 1}) == 0);
    bytes = cu_recipe_encode(recipe);
    FUZZ_CHECK(bytes);
    write_seed("recipe", "all", &checksum, 1, bytes->data, bytes->size);
    cu_buf_unref(bytes);
    cu_recipe_free(recipe);
}

static void seed_survey(void)
{
    const struct cu_survey_limits limits = {.nodes = 50, .trees = 2, .top = 10};
    static const char *const paths[] = {"/lib/libm.so.6", "/lib/libz.so.1", "/usr/bin/python3"};
    struct cu_survey *survey = cu_survey_new(&limits);
    unsigned char key[CU_SURVEY_KEY_BYTES], interval[CU_SURVEY_INTERVAL_KEY_BYTES];
    struct cu_keyed_entry *entry;
    struct cu_buf *bytes;

    FUZZ_CHECK(survey);
    cu_survey_key(7, key);
    for (int i = CU_SURVEY_TIMELINE; i <= CU_SURVEY_PARENTS; i++) {
        entry = cu_keyed_at(&survey->lists[i], key, sizeof(key));
        FUZZ_CHECK(entry);
        entry->numbers[1] = 300;
    }
    cu_survey_interval_key(7, 3, interval);
    entry = cu_keyed_at(&survey->lists[CU_SURVEY_INTERVALS], interval, sizeof(interval));
    FUZZ_CHECK(entry);
    entry->numbers[0] = 12;
    for (int i = CU_SURVEY_BY_REQUESTS; i < CU_SURVEY_INTERVALS; i++)
        for (size_t n = 0; n < sizeof(paths) / sizeof(paths[0]); n++) {
            entry = cu_keyed_at(&survey->lists[i], paths[n], strlen(paths[n]));
            FUZZ_CHECK(entry);
            entry->weight = n + 1;
            entry->numbers[CU_SURVEY_PATH_got] = n + 2;
        }
    bytes = cu_survey_encode(survey);
    FUZZ_CHECK(bytes);
    write_seed("survey", "all", bytes->data, bytes->size, NULL, 0);
    cu_buf_unref(bytes);
    cu_survey_free(survey);
}

static void seed_logpage(void)
{
    static const char *const lines[] = {
        "time=2026-11-27T00:00:00.000001Z level=warn node=\"node1\" text=\"no route\"",
        "time=2026-11-27T00:00:00.000002Z level=error node=\"node2\" text=\"x\" more=3",
        "time=2026-11-27T00:00:00.000003Z level=info node=\"node1\" text=\"\"",
    };
    struct cu_logpage *page = cu_logpage_new();
    struct cu_buf *bytes;

    FUZZ_CHECK(page);
    for (uint32_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        FUZZ_CHECK(cu_logpage_add(page,
                                  &(struct cu_logpage_at){.us = UINT64_C(1795737600000000) + i,
                                                          .rank = i % 2,
                                                          .number = i / 2 + 1},
                                  lines[i], strlen(lines[i])) == 0);
    bytes = cu_logpage_encode(page);
    FUZZ_CHECK(bytes);
    write_seed("logpage", "lines", bytes->data, bytes->size, NULL, 0);
    cu_buf_unref(bytes);
    cu_logpage_free(page);
}

static void seed_sample(void)
{
    static char path[] = "/lib/python3.11/os.py", other[] = "...x\\\\x0a";
    struct cu_sample sample = {.window_ms = 1000};
    json_t *json;
    char *text;

    for (int i = 0; i < CU_SAMPLE_FIGURE_COUNT; i++)
        sample.figures[i] = 1000u * (unsigned)i;
    for (int i = 0; i < CU_SAMPLE_TIMES; i++)
        for (uint64_t us = 1; us < 1000000; us *= 3)
            cu_histogram_add(&sample.times[i], us);
    for (int l = 0; l < CU_SAMPLE_LISTS; l++)
        for (uint32_t i = 0; i < 3; i++) {
            const struct cu_sample_row row = {.rank = i + 1,
                                              .parent = i,
                                              .level = i,
                                              .values = {i, 10, 1000, 7 * i, 1},
                                              .path = i == 0 ? path : other};

            FUZZ_CHECK(cu_sample_add_row(&sample, (enum cu_sample_lists)l, &row));
        }
    cu_sample_cut(&sample);
    json = cu_sample_json(&sample);
    text = json_dumps(json, JSON_COMPACT);
    FUZZ_CHECK(text);
    write_seed("sample", "all", text, strlen(text), NULL, 0);
    free(text);
    json_decref(json);
    cu_sample_free(&sample);
}

int main(int argc, char **argv)
{
    FUZZ_CHECK(argc == 2); /* CORPUS_DIRECTORY */
    corpus = argv[1];
    seed_wants();
    seed_answers();
    seed_other_messages();
    seed_checks();
    seed_payloads();
    seed_handshake("plain", false, false, false);
    seed_handshake("encrypted", true, true, false);
    seed_handshake("mismatch", true, false, false);
    seed_handshake("other-job", false, false, true);
    seed_texts();
    seed_control();
    seed_job();
    seed_recipe();
    seed_survey();
    seed_logpage();
    seed_sample();
    return 0;
}
