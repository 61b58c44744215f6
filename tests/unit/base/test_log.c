#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"

/* Lines go into a pipe instead of stderr. Non-blocking, so that no line reads as nothing. */
static int ends[2];

static void divert(void)
{
	cr_assert_eq(pipe2(ends, O_NONBLOCK), 0);
	log_set_fd(ends[1]);
}

static void restore(void)
{
	close(ends[0]);
	close(ends[1]);
}

TestSuite(log, .init = divert, .fini = restore);

/* The line without its time, which is 27 characters. */
static struct str read_line(void)
{
	static char line[2 * sizeof(((struct log_line *)NULL)->bytes)];
	static const char before[] = "{\"time\":\"";
	size_t n = 0;
	ssize_t got = 0;
	while ((got = read(ends[0], line + n, sizeof line - n)) > 0)
		n += (size_t)got;
	if (n == 0)
		return STR_NONE;
	struct str s = str_from(line, n);
	cr_assert(str_starts(s, STR("{\"time\":\"20")), "'%.*s'", STR_ARG(s));
	size_t skip = sizeof before - 1 + 27;
	return str_from(line + skip, n - skip);
}

static void expect(const char *want)
{
	struct str got = read_line();
	cr_assert(str_eq(got, str_of(want)), "got '%.*s', want '%s'", STR_ARG(got), want);
}

static bool contains(struct str s, const char *part)
{
	return s.p != NULL && memmem(s.p, s.n, part, strlen(part)) != NULL;
}

Test(log, a_line_is_one_json_object_with_typed_fields)
{
	struct log_line l;
	log_begin(&l, LOG_WARN, "start");
	log_str(&l, "who", STR("a\"b\n"));
	log_str(&l, "absent", STR_NONE);
	log_int(&l, "n", -5);
	log_bool(&l, "yes", true);
	log_bool(&l, "no", false);
	log_end(&l);
	expect("\",\"level\":\"warn\",\"event\":\"start\",\"who\":\"a\\\"b\\u000a\",\"n\":-5,\"yes\":true,\"no\":false}\n");
}

Test(log, a_message_is_formatted_into_one_field)
{
	log_message(LOG_ERROR, "oops", "%s: %d", "code", 7);
	expect("\",\"level\":\"error\",\"event\":\"oops\",\"message\":\"code: 7\"}\n");
}

Test(log, lines_below_the_level_are_not_written)
{
	log_message(LOG_DEBUG, "quiet", "x");
	cr_assert_null(read_line().p);

	log_set_level(LOG_DEBUG);
	log_message(LOG_DEBUG, "loud", "x");
	expect("\",\"level\":\"debug\",\"event\":\"loud\",\"message\":\"x\"}\n");

	log_set_level(LOG_ERROR);
	struct log_line l;
	log_begin(&l, LOG_WARN, "quiet");
	log_str(&l, "a", STR("b"));
	log_int(&l, "n", 1);
	log_bool(&l, "c", true);
	log_end(&l);
	cr_assert_null(read_line().p);
}

Test(log, a_field_that_does_not_fit_is_left_out_and_later_ones_stay)
{
	static char large[9000];
	memset(large, 'x', sizeof large);
	struct log_line l;
	log_begin(&l, LOG_INFO, "large");
	log_int(&l, "before", 1);
	log_str(&l, "large", str_from(large, sizeof large));
	log_int(&l, "after", 2);
	log_end(&l);
	expect("\",\"level\":\"info\",\"event\":\"large\",\"before\":1,\"after\":2,\"truncated\":true}\n");
}

Test(log, a_full_line_stays_within_8_kib_and_is_closed)
{
	struct log_line l;
	log_begin(&l, LOG_INFO, "full");
	for (int i = 0; i < 2000; i++)
		log_int(&l, "number", i);
	log_end(&l);
	struct str got = read_line();
	cr_assert_leq(got.n + 36, sizeof l.bytes);
	cr_assert_gt(got.n, 8000);
	cr_assert(contains(got, ",\"number\":0,"));
	cr_assert_not(contains(got, ",\"number\":1999"));
	cr_assert(contains(got, ",\"truncated\":true}\n"));
}

Test(log, a_message_that_is_too_long_is_cut_and_says_so)
{
	log_message(LOG_INFO, "long", "begin%*send", 9000, "");
	struct str got = read_line();
	cr_assert(contains(got, "\"message\":\"begin   "));
	cr_assert(contains(got, ",\"truncated\":true}\n"));
	cr_assert_not(contains(got, "end"));
}

Test(log, errno_survives_a_failed_write)
{
	log_set_fd(-1);
	errno = ENOENT;
	log_message(LOG_INFO, "nowhere", "x");
	cr_assert_eq(errno, ENOENT);
}

static unsigned called;

static void soon(void *arg)
{
	(void)arg;
	called++;
}

Test(log, gathered_lines_leave_together_in_their_order)
{
	called = 0;
	cr_assert_eq(log_gather(soon, NULL), ERR_OK);
	log_message(LOG_INFO, "first", "x");
	log_message(LOG_INFO, "second", "y");
	cr_assert_eq(called, 1U, "once for what waits");
	cr_assert(read_line().p == NULL);
	log_flush();
	struct str got = read_line();
	cr_assert(contains(got, "\"first\"") && contains(got, "}\n{") && contains(got, "\"second\""), "'%.*s'", STR_ARG(got));
	log_message(LOG_INFO, "third", "z");
	cr_assert_eq(called, 2U);
	log_gather_end();
	cr_assert(contains(read_line(), "\"third\""), "what waits leaves when gathering ends");
	log_message(LOG_INFO, "fourth", "z");
	cr_assert(contains(read_line(), "\"fourth\""));
}

Test(log, a_warning_takes_what_waits_along)
{
	cr_assert_eq(log_gather(soon, NULL), ERR_OK);
	log_message(LOG_INFO, "first", "x");
	log_message(LOG_WARN, "second", "y");
	struct str got = read_line();
	cr_assert(contains(got, "\"first\"") && contains(got, "}\n{") && contains(got, "\"second\""), "'%.*s'", STR_ARG(got));
	log_gather_end();
	cr_assert(read_line().p == NULL);
}

static size_t count_lines(void)
{
	char bytes[4096];
	size_t lines = 0;
	for (ssize_t n = 0; (n = read(ends[0], bytes, sizeof bytes)) > 0;)
		for (ssize_t i = 0; i < n; i++)
			lines += bytes[i] == '\n';
	return lines;
}

Test(log, more_lines_than_fit_lose_none)
{
	enum { LINES = 2000 };
	size_t lines = 0;
	cr_assert_eq(log_gather(soon, NULL), ERR_OK);
	for (int i = 0; i < LINES; i++) {
		log_message(LOG_INFO, "line", "%d and some words to make it longer", i);
		lines += count_lines();
	}
	log_gather_end();
	cr_assert_eq(lines + count_lines(), (size_t)LINES);
}
