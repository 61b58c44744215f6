/* A library to be preloaded into every process of a test run: the wall clock stands CLOCK_SHIFT
 * seconds from the real one.
 *
 * libfaketime does more, and too much: while a process sleeps in epoll_wait its signal handlers
 * see the real time, so that PostgreSQL's lock_timeout and statement_timeout never end. Here
 * nothing that waits is touched, only what asks. */
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long shift;

__attribute__((constructor)) static void read_shift(void)
{
	const char *text = getenv("CLOCK_SHIFT");
	shift = text == NULL ? 0 : strtol(text, NULL, 10);
}

int clock_gettime(clockid_t id, struct timespec *ret)
{
	long result = syscall(SYS_clock_gettime, id, ret);
	if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		ret->tv_sec += shift;
	return (int)result;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
	struct timespec now;
	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &now) != 0)
		return -1;
	*ret = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
	return 0;
}

time_t time(time_t *ret)
{
	struct timespec now;
	if (clock_gettime(CLOCK_REALTIME, &now) != 0)
		return -1;
	if (ret != NULL)
		*ret = now.tv_sec;
	return now.tv_sec;
}

int timespec_get(struct timespec *ret, int base)
{
	return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, ret) == 0 ? base : 0;
}
