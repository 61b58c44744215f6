/* The memory that yajl works in. Only the folder json/ may include this. */
#ifndef M2M_JSON_YAJL_MEMORY_H
#define M2M_JSON_YAJL_MEMORY_H

#include <setjmp.h>
#include <yajl/yajl_common.h>

#include "base/list.h"

/* Wipes what it frees: a string with escapes is decoded in yajl's own buffer, and that string
 * may be a secret.
 *
 * yajl uses what it gets without looking. So when memory is out, a call of yajl doesn't return,
 * but `out` does a second time; yajl_memory_clear then takes the place of yajl_free. */
struct yajl_memory {
	struct list pieces;
	jmp_buf out;
};

yajl_alloc_funcs yajl_memory_funcs(struct yajl_memory *m); /* initializes `m`, but for `out` */
void yajl_memory_clear(struct yajl_memory *m);

#endif
