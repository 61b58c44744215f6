/* The log's own thread, with readers that stall, disks that are full, and a process that
 * crashes. */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/log_lane.h"

#define LINES   20000 /* several times what a lane holds */
#define LONG_MS 20000
#define THREADS 3

TestSuite(log_writer, .timeout = 60);

static int ends[2];
static struct str all; /* what was read */

static void divert(int flags)
{
	signal(SIGPIPE, SIG_IGN);
	cr_assert_eq(pipe2(ends, flags), 0);
	log_set_fd(ends[1]);
	cr_assert_eq(log_writer_start(), ERR_OK);
}

static void *read_to_the_end(void *arg)
{
	(void)arg;
	enum { ROOM = 16 << 20 };
	static char *bytes; /* no static array, which would cost every test */
	if (bytes == NULL)
		bytes = malloc(ROOM);
	size_t n = 0;
	for (ssize_t got; (got = read(ends[0], bytes + n, ROOM - n)) > 0;)
		n += (size_t)got;
	all = str_from(bytes, n);
	return NULL;
}

/* Lets the reader go on, and ends the writer. */
static void read_on(void)
{
	pthread_t reader;
	cr_assert_eq(pthread_create(&reader, NULL, read_to_the_end, NULL), 0);
	log_writer_end(LONG_MS);
	close(ends[1]);
	pthread_join(reader, NULL);
}

static void log_line(const char *who, int i, enum log_level level)
{
	struct log_line l;
	log_begin(&l, level, "line");
	log_str(&l, "who", str_of(who));
	log_int(&l, "i", i);
	log_str(&l, "filler", STR("as long as the line of a request is, which takes some two hundred bytes"));
	log_end(&l);
}

/* The number behind a key, -1 if there is none. */
static long number(struct str line, const char *key)
{
	const char *at = memmem(line.p, line.n, key, strlen(key));
	return at == NULL ? -1 : strtol(at + strlen(key), NULL, 10);
}

static bool is_whole(struct str line)
{
	return line.n > 40 && str_starts(line, STR("{\"time\":\"20")) && line.p[line.n - 1] == '}' &&
	       memmem(line.p + 1, line.n - 1, "{\"time", 6) == NULL;
}

struct seen {
	unsigned of[THREADS], lines, told, dropped;
};

/* Each line is whole, and each thread's stand in their order. */
static struct seen look(void)
{
	struct seen s = {.lines = 0};
	long last[THREADS] = {-1, -1, -1};
	for (struct str rest = all, line; (line = str_split(&rest, '\n')).p != NULL;) {
		if (line.n == 0)
			continue;
		cr_assert(is_whole(line), "torn: '%.*s'", STR_ARG(line));
		long n = number(line, "\"log_lines_dropped\",\"n\":"), who = number(line, "\"who\":\"");
		s.told += n >= 0;
		s.dropped += n >= 0 ? (unsigned)n : 0;
		if (n >= 0 || who < 0)
			continue;
		cr_assert_gt(number(line, "\"i\":"), last[who], "out of order: '%.*s'", STR_ARG(line));
		last[who] = number(line, "\"i\":");
		s.of[who]++;
		s.lines++;
	}
	return s;
}

Test(log_writer, a_reader_that_stalls_holds_up_nobody_and_what_is_lost_is_told_once)
{
	divert(0);
	for (int i = 0; i < LINES; i++)
		log_line("0", i, LOG_INFO);
	uint64_t lost = log_lines_dropped();
	cr_assert_gt(lost, 0U);
	cr_expect_eq(log_health().dropped, lost);
	cr_expect_gt(log_health().dropped_us, 0);
	read_on();
	struct seen s = look();
	cr_expect_eq(s.told, 1U);
	cr_expect_eq(s.dropped, lost);
	cr_expect_eq(s.lines + lost, (unsigned)LINES);
	cr_expect_gt(s.lines, LOG_LANE_BYTES / 400);
}

static void soon(void *arg)
{
	(void)arg;
}

static void *gather_lines(void *who)
{
	cr_assert_eq(log_gather(soon, NULL), ERR_OK);
	for (int i = 0; i < LINES / 2; i++) {
		log_line(who, i, i % 100 == 0 ? LOG_WARN : LOG_INFO);
		if (i % 16 == 0)
			log_flush();
	}
	log_gather_end();
	return NULL;
}

Test(log_writer, lines_of_several_threads_are_whole_and_in_order_behind_a_reader_that_stalls)
{
	pthread_t threads[THREADS];
	static char names[THREADS][2] = {"0", "1", "2"};
	/* the descriptor may be somebody's who has made it so; a line still isn't torn */
	divert(O_NONBLOCK);
	fcntl(ends[0], F_SETFL, 0);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, gather_lines, names[i]);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	uint64_t lost = log_lines_dropped();
	read_on();
	struct seen s = look();
	cr_assert_gt(lost, 0U);
	cr_expect_eq(s.dropped, lost);
	cr_expect_eq(s.lines + lost, (unsigned)THREADS * (LINES / 2));
	for (int i = 0; i < THREADS; i++)
		cr_expect_gt(s.of[i], LOG_LANE_BYTES / 400);
}

Test(log_writer, a_warning_finds_room_where_lines_of_requests_find_none)
{
	divert(0);
	for (int i = 0; i < LINES; i++)
		log_line("0", i, LOG_INFO);
	uint64_t lost = log_lines_dropped();
	log_line("1", 0, LOG_WARN);
	cr_expect_eq(log_lines_dropped(), lost);
	read_on();
	cr_expect_eq(look().of[1], 1U);
}

Test(log_writer, an_end_behind_a_reader_that_stalls_is_bounded)
{
	divert(0);
	for (int i = 0; i < LINES; i++)
		log_line("0", i, LOG_INFO);
	log_writer_end(50); /* returns: the test's limit holds it */
	log_line("0", LINES, LOG_INFO);
	close(ends[0]); /* lets the writer go */
}

/* Nobody reads, or the disk is full: what waits is kept, and leaves whole once it can. */
static void expect_kept(int unwritable)
{
	signal(SIGPIPE, SIG_IGN);
	cr_assert_eq(pipe2(ends, 0), 0);
	int fd = dup(unwritable);
	log_set_fd(fd);
	cr_assert_eq(log_writer_start(), ERR_OK);
	for (int i = 0; i < 100; i++)
		log_line("0", i, LOG_INFO);
	for (int ms = 0; ms < 5000 && log_health().fault == 0; ms++)
		usleep(1000);
	cr_expect_neq(log_health().fault, 0);
	cr_assert_geq(dup2(ends[1], fd), 0);
	log_line("0", 100, LOG_INFO);
	pthread_t reader;
	cr_assert_eq(pthread_create(&reader, NULL, read_to_the_end, NULL), 0);
	/* longer than until the next try, for there is one only as long as the end hasn't come */
	usleep(300000);
	log_writer_end(LONG_MS);
	close(ends[1]);
	close(fd);
	pthread_join(reader, NULL);
	cr_expect_eq(look().lines, 101U);
	cr_expect_eq(log_lines_dropped(), 0U);
	cr_expect_eq(log_health().fault, 0);
}

Test(log_writer, a_full_disk_delays_lines_and_tears_none)
{
	expect_kept(open("/dev/full", O_WRONLY | O_CLOEXEC));
}

Test(log_writer, a_reader_that_has_gone_ends_nothing)
{
	int gone[2];
	cr_assert_eq(pipe2(gone, O_CLOEXEC), 0);
	close(gone[0]);
	expect_kept(gone[1]);
}

Test(log_writer, the_end_does_not_wait_for_a_full_disk)
{
	log_set_fd(open("/dev/full", O_WRONLY | O_CLOEXEC));
	cr_assert_eq(log_writer_start(), ERR_OK);
	log_line("0", 0, LOG_INFO);
	log_writer_end(60000);
}

Test(log_writer, what_led_to_a_crash_is_written)
{
	for (int tries = 0; tries < 20; tries++) {
		cr_assert_eq(pipe2(ends, 0), 0);
		pid_t pid = fork();
		if (pid == 0) {
			signal(SIGABRT, SIG_DFL); /* Criterion has its own */
			log_set_fd(ends[1]);
			if (log_writer_start() != ERR_OK)
				_exit(99);
			log_line("0", 0, LOG_INFO);
			usleep(2000); /* the writer pauses after a line */
			log_line("0", 1, LOG_INFO);
			log_line("0", 2, LOG_ERROR);
			abort();
		}
		close(ends[1]);
		read_to_the_end(NULL);
		close(ends[0]);
		int status = 0;
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status %#x", (unsigned)status);
		cr_assert_eq(look().lines, 3U);
	}
}
