/* A child's environment: built name by name, the last value of a name counts. */
#ifndef M2M_TESTS_HARNESS_ENV_H
#define M2M_TESTS_HARNESS_ENV_H

#define ENV_MAX       48
#define ENV_VALUE_MAX 600

struct env {
	unsigned n;
	char items[ENV_MAX][ENV_VALUE_MAX];
	const char *list[ENV_MAX + 1]; /* for execve */
};

/* PATH, LC_ALL, the clock, and the sanitizers' options, with reports going to standard error. */
void env_init(struct env *e);
/* "NAME=value"; "NAME" without '=' removes it. */
void env_set(struct env *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The clock and the time zone that `tests/run --at` gives this program; nothing without it. */
void env_set_clock(struct env *e);

#endif
