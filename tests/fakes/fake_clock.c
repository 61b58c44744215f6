/* Defines the symbols of base/clock.c, so that the linker leaves that file in its library;
 * clock_rfc3339 stays the real one. Atomic, because a test may move the time that a worker's
 * thread is reading. */
#include "fakes/fake_clock.h"

#include <stdatomic.h>

#include "base/clock.h"

static _Atomic int64_t mono_us = 1000000;
static _Atomic int64_t wall_us = INT64_C(1767225600000000);

int64_t clock_mono_us(void)
{
	return mono_us;
}

int64_t clock_wall_us(void)
{
	return wall_us;
}

void fake_clock_set_mono_us(int64_t us)
{
	mono_us = us;
}

void fake_clock_set_wall_us(int64_t us)
{
	wall_us = us;
}

void fake_clock_advance_us(int64_t us)
{
	mono_us += us;
	wall_us += us;
}
