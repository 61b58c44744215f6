/* Two ways out. Without a writer the thread that logs writes, and may have to wait: start-up,
 * m2mctl. With one it only puts the line into a lane (log_lane.h), of its own or the one that all
 * others share, and wakes the writer, which alone waits for whoever reads the log.
 *
 *   log_out -> lane -> ask -> run -> write_lane -> write(2)
 *
 * The writer leaves a line that can't be written where it is and tries again, so no line is
 * torn. */
#include "base/log_out.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/log_lane.h"

#define LANES_MAX     72    /* workers, and the shared one */
#define PIECE_MAX     65536 /* of one write */
#define PAUSE_US      10000 /* between writes of a busy log: what comes meanwhile goes along */
#define RETRY_MS      100
#define CRASH_WAIT_MS 300

static int out_fd = STDERR_FILENO;

static struct log_lane *_Atomic lanes[LANES_MAX];
static struct log_lane *_Atomic shared;
/* Held for a copy, never for a write. */
static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;

static pthread_t writer;
static _Atomic bool writing, asked, ending;
static sem_t wake;
static _Atomic uint64_t dropped;
static _Atomic int64_t dropped_us;
static _Atomic int write_fault; /* of the last write */

/* Of a thread that gathers. */
static _Thread_local struct log_lane *own;
static _Thread_local bool unflushed;
static _Thread_local void (*flush_soon)(void *arg);
static _Thread_local void *flush_arg;

void log_set_fd(int fd)
{
	out_fd = fd;
}

uint64_t log_lines_dropped(void)
{
	return atomic_load_explicit(&dropped, memory_order_relaxed);
}

struct log_health log_health(void)
{
	return (struct log_health){
		.fault = atomic_load_explicit(&write_fault, memory_order_relaxed),
		.dropped = log_lines_dropped(),
		.dropped_us = atomic_load_explicit(&dropped_us, memory_order_relaxed),
	};
}

/* write(2), and what became of it. */
static ssize_t write_noted(const char *p, size_t n)
{
	ssize_t done = write(out_fd, p, n);
	if (done >= 0 || (errno != EINTR && errno != EAGAIN))
		atomic_store_explicit(&write_fault, done < 0 ? errno : 0, memory_order_relaxed);
	return done;
}

static void sleep_us(long us)
{
	nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL);
}

/* ---- without a writer ---- */

/* One write as a rule. A reader that is slow may take a part; the rest follows rather than leave
 * half a line. A log that can't be written is no reason to stop serving. */
static void write_all(const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write_noted(p, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return;
		p += done;
		n -= (size_t)done;
	}
}

static void write_gathered(struct log_lane *l)
{
	const char *p;
	for (size_t n; (n = log_lane_next(l, LOG_LANE_BYTES, &p)) > 0; log_lane_wrote(l, n))
		write_all(p, n);
}

/* ---- the writer ---- */

/* At least one byte. False: that fails now, and the end has come. */
static bool write_some(const char *p, size_t n, size_t *ret)
{
	for (;;) {
		ssize_t done = write_noted(p, n);
		if (done > 0) {
			*ret = (size_t)done;
			return true;
		}
		if (done < 0 && errno == EINTR)
			continue;
		bool full = done < 0 && errno == EAGAIN; /* somebody has made it non-blocking */
		if (!full && atomic_load(&ending))
			return false;
		poll(&(struct pollfd){.fd = full ? out_fd : -1, .events = POLLOUT}, 1, RETRY_MS);
	}
}

static bool write_lane(struct log_lane *l)
{
	const char *p;
	size_t done;
	for (size_t n; (n = log_lane_next(l, PIECE_MAX, &p)) > 0; log_lane_wrote(l, done))
		if (!write_some(p, n, &done))
			return false;
	return true;
}

/* Straight to the descriptor: the writer's lines have no lane. */
static bool tell_dropped(unsigned n)
{
	struct log_line l;
	log_begin(&l, LOG_WARN, "log_lines_dropped");
	log_int(&l, "n", n);
	struct str line = log_finished(&l);
	for (size_t done; line.n > 0; line = str_from(line.p + done, line.n - done))
		if (!write_some(line.p, line.n, &done))
			return false;
	return true;
}

static bool write_lanes(void)
{
	unsigned missed = 0;
	for (unsigned i = 0; i < LANES_MAX; i++) {
		struct log_lane *l = atomic_load_explicit(&lanes[i], memory_order_acquire);
		if (l == NULL)
			continue;
		if (!write_lane(l))
			return false;
		missed += log_lane_reopen(l);
	}
	return missed == 0 || tell_dropped(missed);
}

static void *run(void *arg)
{
	(void)arg;
	for (bool last = false; !last;) {
		while (sem_wait(&wake) != 0 && errno == EINTR)
			continue;
		atomic_exchange(&asked, false);
		last = atomic_load(&ending);
		if (!write_lanes())
			return NULL;
		if (!last)
			sleep_us(PAUSE_US);
	}
	return NULL;
}

static void ask(void)
{
	if (!atomic_exchange(&asked, true))
		sem_post(&wake);
}

static bool all_written(void)
{
	const char *p;
	for (unsigned i = 0; i < LANES_MAX; i++) {
		struct log_lane *l = atomic_load_explicit(&lanes[i], memory_order_acquire);
		if (l != NULL && log_lane_next(l, 1, &p) > 0)
			return false;
	}
	return true;
}

/* What led to a crash is worth reading most. Async-signal-safe; the signal comes again on
 * return. */
static void on_crash(int number)
{
	if (atomic_load(&writing) && !pthread_equal(pthread_self(), writer)) {
		ask();
		for (int ms = 0; ms < CRASH_WAIT_MS && !all_written(); ms++)
			sleep_us(1000);
	}
	raise(number);
}

/* A sanitizer's own handlers stay. */
static void watch_crashes(void)
{
	static const int numbers[] = {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
	for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		struct sigaction before, watch = {.sa_handler = on_crash, .sa_flags = SA_RESETHAND};
		if (sigaction(numbers[i], NULL, &before) != 0 || (before.sa_flags & SA_SIGINFO) != 0)
			continue;
		if (before.sa_handler == SIG_DFL)
			sigaction(numbers[i], &watch, NULL);
	}
}

/* A free one, or a new one; they are never freed, since the writer may look at them at any time. */
static struct log_lane *take_lane(void)
{
	for (unsigned i = 0; i < LANES_MAX; i++) {
		struct log_lane *l = atomic_load_explicit(&lanes[i], memory_order_acquire);
		if (l != NULL && !atomic_exchange(&l->taken, true))
			return l;
		if (l != NULL)
			continue;
		struct log_lane *fresh = calloc(1, sizeof *fresh);
		if (fresh == NULL)
			return NULL;
		fresh->taken = true;
		if (atomic_compare_exchange_strong(&lanes[i], &l, fresh))
			return fresh;
		free(fresh);
	}
	return NULL;
}

/* Signals are the main thread's. */
enum err log_writer_start(void)
{
	sigset_t all, before;
	assert(own == NULL && !atomic_load(&writing));
	if (shared == NULL)
		shared = take_lane();
	if (shared == NULL || sem_init(&wake, 0, 0) != 0)
		return ERR_NO_MEMORY;
	atomic_store(&ending, false);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int fault = pthread_create(&writer, NULL, run, NULL);
	atomic_store(&writing, fault == 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (fault != 0) {
		errno = fault;
		return ERR_OVERLOADED;
	}
	watch_crashes();
	return ERR_OK;
}

void log_writer_end(int limit_ms)
{
	struct timespec until;
	if (!atomic_load(&writing))
		return;
	atomic_store(&ending, true);
	ask();
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += limit_ms / 1000;
	until.tv_nsec += limit_ms % 1000 * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	if (pthread_clockjoin_np(writer, NULL, CLOCK_MONOTONIC, &until) == 0)
		atomic_store(&writing, false);
	else
		pthread_detach(writer); /* it waits for whoever doesn't read; the process may end */
}

/* ---- what a thread logs ---- */

enum err log_gather(void (*soon)(void *arg), void *arg)
{
	if (own == NULL)
		own = take_lane();
	if (own == NULL)
		return ERR_NO_MEMORY;
	flush_soon = soon;
	flush_arg = arg;
	return ERR_OK;
}

void log_flush(void)
{
	if (!unflushed)
		return;
	unflushed = false;
	if (atomic_load_explicit(&writing, memory_order_relaxed))
		ask();
	else
		write_gathered(own);
}

void log_gather_end(void)
{
	log_flush();
	if (own != NULL)
		atomic_store(&own->taken, false);
	own = NULL;
}

static void put(struct log_lane *l, const char *line, size_t n, bool important)
{
	if (log_lane_put(l, line, n, important))
		return;
	atomic_fetch_add_explicit(&dropped, 1, memory_order_relaxed);
	atomic_store_explicit(&dropped_us, clock_mono_us(), memory_order_relaxed);
}

static void gather(const char *line, size_t n, bool important)
{
	const char *p;
	bool alone = !atomic_load_explicit(&writing, memory_order_relaxed);
	if (alone && log_lane_next(own, PIECE_MAX, &p) + n > PIECE_MAX)
		log_flush();
	put(own, line, n, important);
	bool first = !unflushed;
	unflushed = true;
	if (important)
		log_flush();
	else if (first)
		flush_soon(flush_arg);
}

void log_out(const char *line, size_t n, bool important)
{
	if (own != NULL) {
		gather(line, n, important);
		return;
	}
	if (!atomic_load_explicit(&writing, memory_order_relaxed)) {
		write_all(line, n);
		return;
	}
	pthread_mutex_lock(&shared_lock);
	put(shared, line, n, important);
	pthread_mutex_unlock(&shared_lock);
	ask();
}
