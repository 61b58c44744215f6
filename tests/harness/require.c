#include "harness/require.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static pid_t runner;

/* A test that fails leaves its connections open, and a leak checker's pages about them would
 * bury what failed. The programs under test are processes of their own, and are checked. */
__attribute__((visibility("default"))) int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return 1;
}

void require_in_runner(void)
{
	runner = getpid();
}

_Noreturn void require_failed(const char *file, int line, const char *format, ...)
{
	char text[2048];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (getpid() == runner) {
		fprintf(stderr, "%s:%d: %s\n", file, line, text);
		exit(1);
	}
	cr_assert_fail("%s:%d: %s", file, line, text);
	abort(); /* not reached: the assertion leaves the test */
}
