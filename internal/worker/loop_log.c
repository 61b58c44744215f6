#include "worker/loop_log.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/log.h"

#define PAUSE_US 1000000

static _Atomic int64_t next_us;
static _Atomic uint64_t left_out;

static void on_message(int severity, const char *message)
{
	static const enum log_level levels[] = {LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR};
	const enum log_level level = severity >= EVENT_LOG_DEBUG && severity <= EVENT_LOG_ERR ? levels[severity] : LOG_ERROR;
	int64_t now_us = clock_mono_us(), due_us = atomic_load_explicit(&next_us, memory_order_relaxed);
	if (level == LOG_DEBUG)
		return;
	if (now_us < due_us || !atomic_compare_exchange_strong(&next_us, &due_us, now_us + PAUSE_US)) {
		atomic_fetch_add_explicit(&left_out, 1, memory_order_relaxed);
		return;
	}
	uint64_t n = atomic_exchange_explicit(&left_out, 0, memory_order_relaxed);
	log_message(level, "event_loop", "%s (%" PRIu64 " such lines were left out before)", message, n);
}

void loop_log_start(void)
{
	event_set_log_callback(on_message);
}
