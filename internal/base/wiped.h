/* malloc, realloc and free for a library through whose memory secrets pass: what is let go is
 * wiped. The library knows no secret from other bytes, so all of its memory is. */
#ifndef M2M_BASE_WIPED_H
#define M2M_BASE_WIPED_H

#include <stddef.h>

/* As malloc(3), calloc(3), realloc(3) and free(3) are, and to be mixed with none of them. */
void *wiped_malloc(size_t n);
void *wiped_calloc(size_t n, size_t size);
void *wiped_realloc(void *p, size_t n);
void wiped_free(void *p);

#endif
