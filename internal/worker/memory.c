#include "worker/memory.h"

#include <event2/event.h>

#include "base/reserve.h"
#include "crypto/crypto_memory.h"

void memory_settle(void)
{
	event_set_mem_functions(reserve_malloc, reserve_realloc, reserve_free);
	crypto_count_failures();
}
