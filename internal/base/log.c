/* A line grows in the caller's struct; log_out.c says how it leaves.
 *
 * Each field is written into a copy of the buffer's state, which replaces the state only if the
 * field fitted whole. The state's overflow mark then means: something was left out. Room for the
 * line's end is kept back from the start. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log_out.h"

#define CUT ",\"truncated\":true"
#define END "}\n"
enum { RESERVE = sizeof CUT + sizeof END };

static enum log_level threshold = LOG_INFO;

void log_set_level(enum log_level least)
{
	threshold = least;
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

struct str log_finished(struct log_line *l)
{
	if (!l->on)
		return STR_NONE;
	bool left_out = l->buf.overflow;
	l->buf.overflow = false;
	l->buf.cap = sizeof l->bytes;
	if (left_out)
		sbuf_putz(&l->buf, CUT);
	sbuf_putz(&l->buf, END);
	return str_from(l->buf.p, l->buf.n);
}

void log_end(struct log_line *l)
{
	int saved = errno; /* callers log in the middle of handling a failure */
	struct str line = log_finished(l);
	if (line.p != NULL)
		log_out(line.p, line.n, l->level >= LOG_WARN);
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
