#include "op/op_shed.h"

#include "base/clock.h"
#include "base/log.h"

#define LOG_EVERY_US INT64_C(1000000)

static void log_now_and_then(struct op_env *env)
{
	struct log_line line;
	int64_t now_us = clock_mono_us();
	env->shed++;
	if (now_us - env->shed_logged_us < LOG_EVERY_US)
		return;
	log_begin(&line, LOG_WARN, "overloaded");
	log_int(&line, "refused", env->shed);
	log_end(&line);
	env->shed = 0;
	env->shed_logged_us = now_us;
}

void op_shed(struct op_env *env, enum op_id id, char transport)
{
	atomic_fetch_add_explicit(&env->counters->outcomes[transport == 'g'][id][ERR_OVERLOADED], 1, memory_order_relaxed);
	log_now_and_then(env);
}
