/* One call of zlib over the whole message: a message is small, and nothing is carried from one
 * to the next.
 *
 * zlib copies what passes through it into windows and tables of its own and frees them as they
 * are. So it gets its memory here, in blocks that know their size and are wiped when they come
 * back. */
#include "grpc/gzip.h"

#include <assert.h>
#include <limits.h>
#include <stdalign.h>
#include <stdlib.h>
#define ZLIB_CONST /* next_in is const */
#include <zlib.h>

#include "crypto/digest.h"

/* zlib's way to ask for the gzip header and trailer instead of its own. */
#define GZIP_WRAPPER 16

/* Setting up and wiping costs as much as compressing a short reply, so memory is kept to what 16
 * KiB can use: about 80 KiB instead of 256. */
#define DEFLATE_WINDOW_BITS 14
#define DEFLATE_MEM_LEVEL   5

struct block {
	size_t n;
	alignas(max_align_t) unsigned char bytes[];
};

static voidpf block_new(voidpf unused, uInt items, uInt size)
{
	(void)unused;
	size_t n = (size_t)items * size;
	struct block *b = malloc(sizeof *b + n);
	if (b == NULL)
		return NULL;
	b->n = n;
	return b->bytes;
}

static void block_free(voidpf unused, voidpf bytes)
{
	(void)unused;
	struct block *b = (struct block *)(void *)((unsigned char *)bytes - offsetof(struct block, bytes));
	crypto_wipe(b->bytes, b->n);
	free(b);
}

static z_stream stream_over(struct str in)
{
	assert(in.n <= UINT_MAX);
	return (z_stream){.zalloc = block_new, .zfree = block_free, .next_in = (const Bytef *)in.p, .avail_in = (uInt)in.n};
}

/* A full `out` means too large only if another byte would come; the stream may also break off,
 * or be broken, right there. */
static bool has_more(z_stream *z)
{
	Bytef byte = 0;
	z->next_out = &byte;
	z->avail_out = 1;
	inflate(z, Z_FINISH);
	return z->avail_out == 0;
}

enum err gzip_inflate(struct str in, char *out, size_t cap, size_t *ret_n)
{
	assert(cap >= 1 && cap <= UINT_MAX);
	z_stream z = stream_over(in);
	if (inflateInit2(&z, GZIP_WRAPPER + MAX_WBITS) != Z_OK)
		return ERR_NO_MEMORY;

	z.next_out = (Bytef *)out;
	z.avail_out = (uInt)cap;
	int status = inflate(&z, Z_FINISH);
	size_t n = cap - z.avail_out;
	enum err err = ERR_MALFORMED;
	if (status == Z_STREAM_END && z.avail_in == 0)
		err = ERR_OK;
	else if (status == Z_MEM_ERROR)
		err = ERR_NO_MEMORY;
	else if (status == Z_BUF_ERROR && n == cap && has_more(&z))
		err = ERR_TOO_LARGE;
	inflateEnd(&z);

	if (err == ERR_OK)
		*ret_n = n;
	return err;
}

struct str gzip_deflate(struct arena *a, struct str in, size_t reserve)
{
	z_stream z = stream_over(in);
	if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, GZIP_WRAPPER + DEFLATE_WINDOW_BITS, DEFLATE_MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		return STR_NONE;

	struct str result = STR_NONE;
	size_t bound = deflateBound(&z, in.n);
	char *bytes = arena_alloc(a, reserve + bound);
	if (bytes != NULL) {
		z.next_out = (Bytef *)bytes + reserve;
		z.avail_out = (uInt)bound;
		if (deflate(&z, Z_FINISH) == Z_STREAM_END)
			result = str_from(bytes + reserve, bound - z.avail_out);
	}
	deflateEnd(&z);
	return result;
}
