#include "base/starved.h"

#include <stddef.h>

static _Thread_local unsigned long failures;

void starved_note(void)
{
	failures++;
}

void *starved_unless(void *allocated)
{
	if (allocated == NULL)
		starved_note();
	return allocated;
}

unsigned long starved_count(void)
{
	return failures;
}

enum err starved_err(enum err err, unsigned long since)
{
	return starved_count() == since ? err : ERR_NO_MEMORY;
}
