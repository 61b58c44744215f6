#include "crypto/crypto_memory.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "base/starved.h"

static void *take(size_t n, const char *file, int line)
{
	(void)file, (void)line;
	void *p = n == 0 ? NULL : malloc(n);
	if (p == NULL && n > 0)
		starved_note();
	return p;
}

static void give_back(void *p, const char *file, int line)
{
	(void)file, (void)line;
	free(p);
}

static void *move(void *p, size_t n, const char *file, int line)
{
	if (n == 0) {
		give_back(p, file, line);
		return NULL;
	}
	void *moved = realloc(p, n);
	if (moved == NULL)
		starved_note();
	return moved;
}

void crypto_count_failures(void)
{
	int ignored = CRYPTO_set_mem_functions(take, move, give_back);
	(void)ignored;
}
