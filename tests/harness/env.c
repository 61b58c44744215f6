#include "harness/env.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/require.h"

void env_init(struct env *e)
{
	e->n = 0;
	e->list[0] = NULL;
	env_set(e, "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
	env_set(e, "LC_ALL=C.UTF-8");
	/* a shifted clock comes first */
	env_set(e, "ASAN_OPTIONS=detect_leaks=1:exitcode=99:verify_asan_link_order=0");
	env_set(e, "UBSAN_OPTIONS=print_stacktrace=1");
	/* its runtime does not know pthread_clockjoin_np, and takes whom that joined for leaked */
	env_set(e, "TSAN_OPTIONS=exitcode=99:report_thread_leaks=0");
	env_set_clock(e);
}

void env_set_clock(struct env *e)
{
	static const char *const names[] = {"LD_PRELOAD", "CLOCK_SHIFT", "TZ"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const char *value = getenv(names[i]);
		if (value != NULL)
			env_set(e, "%s=%s", names[i], value);
	}
}

static void remove_name(struct env *e, const char *item)
{
	size_t n = strcspn(item, "=");
	for (unsigned i = 0; i < e->n; i++) {
		if (strncmp(e->items[i], item, n) != 0 || e->items[i][n] != '=')
			continue;
		e->n--;
		memmove(e->items[i], e->items[i + 1], (e->n - i) * sizeof e->items[0]);
		return;
	}
}

void env_set(struct env *e, const char *format, ...)
{
	char item[ENV_VALUE_MAX];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(item, sizeof item, format, args);
	va_end(args);
	require(n >= 0 && (size_t)n < sizeof item, "a setting is too long: %s", item);
	remove_name(e, item);
	if (strchr(item, '=') != NULL) {
		require(e->n < ENV_MAX, "too many settings");
		memcpy(e->items[e->n++], item, sizeof item);
	}
	for (unsigned i = 0; i < e->n; i++)
		e->list[i] = e->items[i];
	e->list[e->n] = NULL;
}
