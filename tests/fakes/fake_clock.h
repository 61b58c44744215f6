/* Time under the test's control. A program that compiles fake_clock.c gets these clocks instead
 * of base/clock.c. */
#ifndef M2M_FAKES_FAKE_CLOCK_H
#define M2M_FAKES_FAKE_CLOCK_H

#include <stdint.h>

/* Both clocks stand still until set or advanced. At first: monotonic 1 s, wall
 * 2026-01-01T00:00:00Z. */
void fake_clock_set_mono_us(int64_t us);
void fake_clock_set_wall_us(int64_t us);

/* Both clocks, as when time passes. */
void fake_clock_advance_us(int64_t us);

#endif
