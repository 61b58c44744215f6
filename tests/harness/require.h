/* What the harness itself can't go on without: a cluster that doesn't start, a program that
 * isn't there. In a test it fails the test; in Criterion's runner, where the hooks of shared.h
 * run and no assertion may be made, it ends the program. Never called from a test's own threads. */
#ifndef M2M_TESTS_HARNESS_REQUIRE_H
#define M2M_TESTS_HARNESS_REQUIRE_H

#define require(condition, ...)                                                                                                            \
	do {                                                                                                                               \
		if (!(condition))                                                                                                          \
			require_failed(__FILE__, __LINE__, __VA_ARGS__);                                                                   \
	} while (0)

_Noreturn void require_failed(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Tells that this process is the runner. */
void require_in_runner(void);

#endif
