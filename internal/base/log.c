/* A line grows in the caller's struct and leaves in one write, alone or with others of its thread.
 *
 * Each field is written into a copy of the buffer's state, which replaces the state only if the field fitted whole. The
 * state's overflow mark then means: something was left out. Room for the line's end is kept back from the start. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

#define CUT ",\"truncated\":true"
#define END "}\n"
enum { RESERVE = sizeof CUT + sizeof END };

#define GATHERED_MAX 65536

/* Of a thread that gathers. */
struct gathered {
	void (*soon)(void *arg);
	void *arg;
	size_t n;
	char bytes[GATHERED_MAX];
};

static enum log_level threshold = LOG_INFO;
static int out_fd = STDERR_FILENO;
static _Thread_local struct gathered *gathered;

void log_set_level(enum log_level least)
{
	threshold = least;
}

void log_set_fd(int fd)
{
	out_fd = fd;
}

void log_begin(struct log_line *l, enum log_level level, const char *event)
{
	static const char *const names[] = {"debug", "info", "warn", "error"};

	l->on = level >= threshold;
	l->level = level;
	if (!l->on)
		return;

	char now[CLOCK_RFC3339_LEN];
	clock_rfc3339(clock_wall_us(), now);
	l->buf = sbuf_fixed(l->bytes, sizeof l->bytes - RESERVE);
	sbuf_put(&l->buf, STR("{\"time\":\""));
	sbuf_put(&l->buf, str_from(now, sizeof now));
	sbuf_put(&l->buf, STR("\",\"level\":\""));
	sbuf_putz(&l->buf, names[level]);
	sbuf_put(&l->buf, STR("\",\"event\":\""));
	sbuf_putz(&l->buf, event);
	sbuf_putc(&l->buf, '"');
}

/* A state to try a field on: the line so far and the field's key. */
static struct sbuf field(const struct log_line *l, const char *key)
{
	struct sbuf trial = l->buf;
	trial.overflow = false;
	sbuf_put_json_key(&trial, true, str_of(key));
	return trial;
}

static void keep(struct log_line *l, struct sbuf trial)
{
	bool left_out = l->buf.overflow || trial.overflow;
	if (!trial.overflow)
		l->buf = trial;
	l->buf.overflow = left_out;
}

void log_str(struct log_line *l, const char *key, struct str value)
{
	if (!l->on || value.p == NULL)
		return;
	struct sbuf trial = field(l, key);
	sbuf_put_json(&trial, value);
	keep(l, trial);
}

void log_int(struct log_line *l, const char *key, int64_t value)
{
	if (!l->on)
		return;
	struct sbuf trial = field(l, key);
	sbuf_puti(&trial, value);
	keep(l, trial);
}

void log_bool(struct log_line *l, const char *key, bool value)
{
	if (!l->on)
		return;
	struct sbuf trial = field(l, key);
	sbuf_putz(&trial, value ? "true" : "false");
	keep(l, trial);
}

/* One write as a rule. A reader that is slow may take a part; the rest follows rather than leave half a line.
 * A log that can't be written is no reason to stop serving. */
static void write_all(const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(out_fd, p, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return;
		p += done;
		n -= (size_t)done;
	}
}

void log_flush(void)
{
	if (gathered == NULL || gathered->n == 0)
		return;
	write_all(gathered->bytes, gathered->n);
	gathered->n = 0;
}

enum err log_gather(void (*soon)(void *arg), void *arg)
{
	if (gathered == NULL)
		gathered = calloc(1, sizeof *gathered);
	if (gathered == NULL)
		return ERR_NO_MEMORY;
	gathered->soon = soon;
	gathered->arg = arg;
	return ERR_OK;
}

void log_gather_end(void)
{
	log_flush();
	free(gathered);
	gathered = NULL;
}

static void put_line(enum log_level level, const char *p, size_t n)
{
	if (gathered == NULL || level >= LOG_WARN) {
		log_flush(); /* in the order in which they were written */
		write_all(p, n);
		return;
	}
	if (n > sizeof gathered->bytes - gathered->n)
		log_flush();
	memcpy(gathered->bytes + gathered->n, p, n);
	gathered->n += n;
	if (gathered->n == n)
		gathered->soon(gathered->arg);
}

void log_end(struct log_line *l)
{
	if (!l->on)
		return;

	int saved = errno; /* callers log in the middle of handling a failure */
	bool left_out = l->buf.overflow;
	l->buf.overflow = false;
	l->buf.cap = sizeof l->bytes;
	if (left_out)
		sbuf_putz(&l->buf, CUT);
	sbuf_putz(&l->buf, END);
	put_line(l->level, l->buf.p, l->buf.n);
	errno = saved;
}

void log_message(enum log_level level, const char *event, const char *format, ...)
{
	struct log_line l;
	log_begin(&l, level, event);
	if (!l.on)
		return;

	char text[sizeof l.bytes / 2];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text, sizeof text, format, args);
	va_end(args);

	log_str(&l, "message", str_of(n < 0 ? format : text));
	if (n >= (int)sizeof text)
		l.buf.overflow = true; /* a message is worth reading even without its end */
	log_end(&l);
}
