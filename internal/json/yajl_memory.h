/* The memory that yajl works in. Only the folder json/ may include this. */
#ifndef M2M_JSON_YAJL_MEMORY_H
#define M2M_JSON_YAJL_MEMORY_H

#include <yajl/yajl_common.h>

/* Wipes what it frees: a string with escapes is decoded in yajl's own buffer, and that string may be a secret.
 * Aborts when memory is out, since yajl uses what it gets without looking. */
extern yajl_alloc_funcs yajl_memory;

#endif
