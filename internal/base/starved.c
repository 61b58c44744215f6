#include "base/starved.h"

static _Thread_local unsigned long failures;

void starved_note(void)
{
	failures++;
}

unsigned long starved_count(void)
{
	return failures;
}
