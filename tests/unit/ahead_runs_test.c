/* SPDX-License-Identifier: BSD-3-Clause */
/* Jumps that are followed by short sequential runs, through a model of the kernel's page cache and
 * read-ahead (Linux, mm/readahead.c): what is fetched for them is bounded by what a program reads.
 */
#include "ahead_fake.h"

#define KIB      UINT64_C(1024)
#define MIB      (1024 * KIB)
#define PAGE     4096u
#define PAGES    (64u * 256u) /* 64 MiB */
#define RANDOM   0u           /* window of a program that said that it jumps */
#define OBJECTS  8192u
#define MEMBER_N 12u

/* The page cache of one file, and the read-ahead state of one open file. */
static struct kernel {
    bool here[PAGES], mark[PAGES];
    uint32_t window; /* pages */
    uint32_t start, size, async;
    int64_t prev; /* the page read last */
    uint64_t asked;
} kernel;

/* What the node has or has asked for. */
static struct object {
    uint64_t from, to;
} objects[OBJECTS];
static uint32_t object_count, waits;
static uint64_t fetched;
static struct fake_node file;

static bool is_held(uint64_t from, uint64_t to)
{
    for (uint32_t i = object_count; i-- > 0;)
        if (objects[i].from <= from && objects[i].to >= to)
            return true;
    return false;
}

static bool fetch(uint64_t from, uint64_t to)
{
    if (is_held(from, to))
        return false;
    assert_true(object_count < OBJECTS);
    objects[object_count++] = (struct object){from, to};
    fetched += to - from;
    return true;
}

/* READ of the kernel. */
static void request(uint32_t page, uint32_t count)
{
    struct cu_ahead_read read = {.owner = "/f",
                                 .id = 7,
                                 .file = &file.file,
                                 .name = "f",
                                 .name_len = 1,
                                 .attr = &file.attr,
                                 .start = (uint64_t)page * PAGE,
                                 .end = (uint64_t)(page + count) * PAGE};
    uint64_t at, next;
    bool waited = false;

    kernel.asked += (uint64_t)count * PAGE;
    cu_ahead_read(fake.ahead, &read);
    assert_true(read.from <= read.start && read.to >= read.end);
    for (at = read.from; at < read.to; at = next) {
        next = at + cu_ahead_part(&read, at);
        assert_true(next <= read.to && next > read.start && at < read.end);
        assert_int_equal(at % (next - at), 0); /* a piece of one chunk */
        waited |= fetch(at, next);
    }
    waits += waited;
    fake.count = 0;
    cu_ahead_reads_on(fake.ahead, &read);
    for (uint32_t i = 0; i < fake.count; i++) {
        uint64_t chunk;

        assert_int_equal(sscanf(fake.wants[i], "data /f %" SCNu64, &chunk), 1);
        (void)fetch(chunk * FAKE_CHUNK, (chunk + 1) * FAKE_CHUNK);
    }
}

static void read_pages(uint32_t start, uint32_t count)
{
    uint32_t from = start, end = start + count < PAGES ? start + count : PAGES;

    while (from < end) {
        uint32_t to = from;

        while (to < end && kernel.here[to] == kernel.here[from])
            to++;
        if (!kernel.here[from])
            request(from, to - from);
        for (; from < to; from++)
            kernel.here[from] = true;
    }
}

static uint32_t pow2(uint32_t n)
{
    uint32_t p = 1;

    while (p < n)
        p *= 2;
    return p;
}

static uint32_t window_first(uint32_t n)
{
    uint32_t size = pow2(n), most = kernel.window;

    return size <= most / 32 ? size * 4 : size <= most / 4 ? size * 2 : most;
}

static uint32_t window_next(void)
{
    uint32_t size = kernel.size, most = kernel.window;

    return size < most / 16 ? size * 4 : size <= most / 2 ? size * 2 : most;
}

static void submit(void)
{
    uint32_t mark = kernel.start + kernel.size - kernel.async;

    if (mark < PAGES)
        kernel.mark[mark] = true;
    read_pages(kernel.start, kernel.size);
}

/* The page is not there, and these pages are needed. */
static void miss(uint32_t page, uint32_t need)
{
    uint32_t before = page;

    if (kernel.window == RANDOM) {
        read_pages(page, need);
        return;
    }
    while (before > 0 && kernel.here[before - 1] && page - before < kernel.window)
        before--;
    kernel.start = page;
    if (page == 0 || need > kernel.window || (int64_t)page - kernel.prev <= 1) {
        kernel.size = window_first(need);
        kernel.async = kernel.size > need ? kernel.size - need : kernel.size / 2;
    } else if (page - before <= need) {
        read_pages(page, need);
        return;
    } else {
        kernel.size = page - before + need < kernel.window ? page - before + need : kernel.window;
        kernel.async = 1;
    }
    submit();
}

/* read(2) of a program. */
static void program_reads(uint64_t at, uint64_t bytes)
{
    uint32_t end = (uint32_t)((at + bytes + PAGE - 1) / PAGE);

    for (uint32_t page = (uint32_t)(at / PAGE); page < end; page++) {
        if (!kernel.here[page])
            miss(page, end - page);
        if (kernel.mark[page]) {
            kernel.mark[page] = false;
            kernel.start += kernel.size;
            kernel.size = window_next();
            kernel.async = kernel.size;
            submit();
        }
        kernel.here[page] = true;
        kernel.prev = page;
    }
}

static void fresh(uint32_t window)
{
    struct cu_ahead_config config = fake_config();

    if (fake.ahead)
        cu_ahead_destroy(fake.ahead);
    fake_begin(&config);
    memset(&kernel, 0, sizeof(kernel));
    kernel.window = window;
    kernel.prev = -2;
    memset(&file, 0, sizeof(file));
    file.attr = (struct cu_attr){.mode = S_IFREG, .size = PAGES * (uint64_t)PAGE};
    file.attr.blocks = file.attr.size / 512;
    object_count = waits = 0;
    fetched = 0;
}

/* A member, from its beginning to its end in steps of these bytes. */
static void member(uint64_t at, uint64_t bytes, uint64_t step)
{
    for (uint64_t done = 0; done < bytes; done += step)
        program_reads(at + done, step < bytes - done ? step : bytes - done);
}

/* Far from each other, in no order. */
static uint64_t place(uint32_t i)
{
    return (i * 5u % MEMBER_N + 1) * 5 * MIB + i * 12345u;
}

static const uint64_t sizes[] = {4 * KIB, 20 * KIB, 100 * KIB, 300 * KIB, 1000 * KIB, 3 * MIB};
static const uint64_t steps[] = {4 * KIB, 8 * KIB, 64 * KIB, 256 * KIB, 4 * MIB};
#define EACH(i, array) for (size_t i = 0; i < sizeof(array) / sizeof((array)[0]); i++)

/* A program whose daemon set the kernel's window, or that said that it jumps. */
static void a_record_fetches_at_most_4_times_its_bytes(void **state)
{
    static const uint32_t windows[] = {RANDOM, CU_AHEAD_WINDOW / PAGE};

    (void)state;
    EACH(w, windows) EACH(s, sizes) EACH(t, steps)
    {
        fresh(windows[w]);
        for (uint32_t i = 0; i < MEMBER_N; i++)
            member(place(i), sizes[s], steps[t]);
        if (fetched > MEMBER_N * sizes[s] * 4)
            fail_msg("window %u, record %u KiB, step %u KiB: %u KiB fetched", windows[w],
                     (unsigned)(sizes[s] / KIB), (unsigned)(steps[t] / KIB),
                     (unsigned)(fetched / KIB));
    }
}

/* Where somebody has set a larger window, the kernel itself asks for more than 4 times as much. */
static void a_large_window_makes_at_most_twice_what_the_kernel_asks_for(void **state)
{
    (void)state;
    EACH(s, sizes) EACH(t, steps)
    {
        fresh(256);
        for (uint32_t i = 0; i < MEMBER_N; i++)
            member(place(i), sizes[s], steps[t]);
        if (fetched > MEMBER_N * sizes[s] * 4 && fetched > kernel.asked * 2)
            fail_msg("record %u KiB, step %u KiB: %u KiB fetched for %u KiB",
                     (unsigned)(sizes[s] / KIB), (unsigned)(steps[t] / KIB),
                     (unsigned)(fetched / KIB), (unsigned)(kernel.asked / KIB));
    }
}

/* A run fetches each byte once, whatever its steps, and a file's end is not waited for often. */
static void a_long_run_is_fetched_once_and_in_few_waits(void **state)
{
    static const uint32_t windows[] = {RANDOM, 32, 256};

    (void)state;
    EACH(w, windows) EACH(t, steps)
    {
        uint64_t at = 17 * MIB + 5 * PAGE, last = PAGES * (uint64_t)PAGE;

        fresh(windows[w]);
        program_reads(40 * MIB, PAGE);
        fetched = 0;
        member(at, last - at, steps[t]);
        assert_true(fetched <= last - at + 64 * KIB);
        if (waits > 40)
            fail_msg("window %u, step %u KiB: %u waits", windows[w], (unsigned)(steps[t] / KIB),
                     waits);
    }
}

/* Records that are read in turns, a step of each. */
static void runs_side_by_side_are_told_apart(void **state)
{
    (void)state;
    EACH(t, steps)
    {
        if (steps[t] > 100 * KIB)
            continue;
        fresh(RANDOM);
        for (uint64_t done = 0; done < 100 * KIB; done += steps[t])
            for (uint32_t i = 0; i < MEMBER_N; i++)
                program_reads(place(i) + done, steps[t]);
        assert_true(fetched <= MEMBER_N * 100 * KIB * 4);
        assert_true(waits < MEMBER_N * 12);
    }
}

static void who_reads_backwards_gets_more_by_and_by(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < MEMBER_N; i++) {
        fresh(RANDOM);
        for (uint64_t done = 0; done < 100 * KIB; done += 4 * KIB)
            program_reads(place(i) + 100 * KIB - done, 4 * KIB);
        assert_true(fetched <= 100 * KIB * 3);
        assert_true(waits <= 16);
    }
    fresh(RANDOM);
    for (uint64_t at = 30 * MIB; at > 10 * MIB; at -= 4 * KIB)
        program_reads(at - 4 * KIB, 4 * KIB);
    assert_true(fetched <= 20 * MIB + FAKE_CHUNK);
    assert_true(waits < 20 * MIB / FAKE_CHUNK + 40);
}

static void strides_fetch_what_they_touch(void **state)
{
    (void)state;
    EACH(s, sizes)
    {
        uint64_t read = 0;

        fresh(RANDOM);
        for (uint64_t at = 5 * MIB; at < 60 * MIB; at += sizes[s] * 4, read += sizes[s])
            program_reads(at, sizes[s]);
        assert_true(fetched <= read * 4);
    }
}

/* Whatever is read, in whatever order: the parts are pieces, one after the other, and have all of
 * it. */
static void any_reads_are_covered(void **state)
{
    static const uint32_t chunks[] = {4096, 64u << 10, 256u << 10, 16u << 20};
    uint64_t x = 88172645463325252u, at = 0;

    (void)state;
    EACH(c, chunks)
    {
        struct cu_ahead_config config = fake_config();
        uint64_t size = (UINT64_C(1) << 40) + 12345;

        fresh(RANDOM);
        cu_ahead_destroy(fake.ahead);
        config.chunk_bytes = chunks[c];
        fake_begin(&config);
        file.attr.size = size;
        for (unsigned i = 0; i < 200000; i++) {
            struct cu_ahead_read read = {.owner = "/f",
                                         .id = 7 + (i % 3 == 0),
                                         .file = &file.file,
                                         .name = "f",
                                         .name_len = 1,
                                         .attr = &file.attr};
            uint64_t length;

            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            length = 1 + (x >> 8) % (x % 4 ? 3 * PAGE : MIB);
            if (x % 16 == 0)
                at = x % 5 ? x % size : x % 3 ? size - 1 - x % MIB : 0;
            else if (x % 16 < 3 && at > 2 * MIB)
                at -= length + (x >> 32) % (2 * PAGE);
            else
                at += (x >> 32) % (x % 7 ? 1 : 2 * PAGE);
            if (at >= size)
                at = size / 2;
            read.start = at;
            read.end = length < size - at ? at + length : size;
            cu_ahead_read(fake.ahead, &read);
            for (uint64_t part = read.from; part < read.to;) {
                uint64_t bytes = cu_ahead_part(&read, part);

                assert_true(bytes >= PAGE && bytes <= chunks[c] && part % bytes == 0);
                assert_true((bytes & (bytes - 1)) == 0);
                assert_true(part < read.end && part + bytes > read.start);
                part += bytes;
                assert_true(part <= read.to);
            }
            assert_true(read.from <= read.start && read.to >= read.end);
            cu_ahead_reads_on(fake.ahead, &read);
            at = read.end;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_teardown(name, fake_teardown)
        T(a_record_fetches_at_most_4_times_its_bytes),
        T(a_large_window_makes_at_most_twice_what_the_kernel_asks_for),
        T(a_long_run_is_fetched_once_and_in_few_waits),
        T(runs_side_by_side_are_told_apart),
        T(who_reads_backwards_gets_more_by_and_by),
        T(strides_fetch_what_they_touch),
        T(any_reads_are_covered),
#undef T
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
