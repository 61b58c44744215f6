#include "worker/memory.h"

#include <event2/event.h>

#include "base/wiped.h"

void memory_wipe_events(void)
{
	event_set_mem_functions(wiped_malloc, wiped_realloc, wiped_free);
}
