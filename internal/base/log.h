/* JSON lines on stderr, each whole, so that lines of several threads don't mix.
 *
 * A line is built with log_begin, typed fields, log_end:
 *
 *   {"time":"...","level":"info","event":"...", fields...}
 *
 * Lines are capped at 8 KiB: what does not fit is left out and "truncated":true says so; the line
 * stays valid JSON. Libraries below store stay silent; secrets, tokens and Authorization headers
 * are never passed here. */
#ifndef M2M_BASE_LOG_H
#define M2M_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/sbuf.h"
#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_line {
	char bytes[8192];
	struct sbuf buf;
	enum log_level level;
	bool on;
};

/* Process-wide; set once before threads start. Default LOG_INFO. */
void log_set_level(enum log_level least);
/* For tests: where lines go instead of file descriptor 2. */
void log_set_fd(int fd);

void log_begin(struct log_line *l, enum log_level level, const char *event);
/* absent: the field is left out */
void log_str(struct log_line *l, const char *key, struct str value);
void log_int(struct log_line *l, const char *key, int64_t value);
void log_bool(struct log_line *l, const char *key, bool value);
void log_end(struct log_line *l);

/* The writer's alone: ends a line that doesn't go through log_end. STR_NONE below the level. */
struct str log_finished(struct log_line *l);

/* From now on lines are written by a thread of the log's own, and no other thread waits for
 * whoever reads the log. Lines that find no room are dropped whole and counted;
 * "log_lines_dropped" says how many once there is room again. What led to a crash is written
 * before the process ends. Call it once, before threads start. ERR_NO_MEMORY and ERR_OVERLOADED
 * (the thread can't be started; errno says why) leave everything as it was. */
MUST_CHECK enum err log_writer_start(void);
/* Writes what waits, for `limit_ms` at most; call it when the other threads have ended. */
void log_writer_end(int limit_ms);
uint64_t log_lines_dropped(void);

struct log_health {
	int fault;          /* errno of the last write; 0: it went well */
	uint64_t dropped;   /* lines so far */
	int64_t dropped_us; /* when the last one was, clock_mono_us; 0: none was */
};
/* From any thread. */
struct log_health log_health(void);

/* From now on this thread's lines below LOG_WARN wait for its log_flush or for a line that doesn't
 * wait; `soon` is called when the first one begins to. For an event loop, which flushes once a
 * turn. What waits is lost if the process is killed in that turn. ERR_NO_MEMORY leaves lines going
 * out one by one. */
MUST_CHECK enum err log_gather(void (*soon)(void *arg), void *arg);
void log_flush(void);
void log_gather_end(void); /* flushes; lines go out one by one again */

/* A line with one "message" field. */
void log_message(enum log_level level, const char *event, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
