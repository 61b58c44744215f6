/* UUIDs as 16 bytes in network order, which is also how PostgreSQL sends and sorts them. */
#include "base/uuid.h"

#include <stdlib.h>
#include <sys/random.h>

/* getrandom gives up to 256 bytes whole, whatever signals arrive */
enum { DRAW = 8, POOL = 32 * DRAW };

/* One system call for 32 ids. A pool per thread needs no lock; a process that forks must not use
 * the pool on both sides. */
static void draw(uint8_t out[DRAW])
{
	static _Thread_local uint8_t pool[POOL];
	static _Thread_local size_t left;

	if (left == 0) {
		/* Ids that an attacker can guess or that collide are worse than no service. */
		if (getrandom(pool, sizeof pool, 0) != (ssize_t)sizeof pool)
			abort();
		left = sizeof pool;
	}
	left -= DRAW;
	memcpy(out, pool + left, DRAW);
}

struct uuid uuid_v7(int64_t unix_us)
{
	uint64_t us = unix_us < 0 ? 0 : (uint64_t)unix_us;
	uint64_t ms = us / 1000;
	uint64_t fraction = us % 1000 * 4096 / 1000;

	struct uuid u;
	for (int i = 0; i < 6; i++)
		u.b[i] = (uint8_t)(ms >> (40 - 8 * i));
	u.b[6] = (uint8_t)(0x70 | fraction >> 8);
	u.b[7] = (uint8_t)fraction;
	draw(u.b + 8);
	u.b[8] = (uint8_t)(0x80 | (u.b[8] & 0x3f));
	return u;
}

/* Whether a hyphen stands before byte `i`. */
static bool hyphen_before(int i)
{
	return i == 4 || i == 6 || i == 8 || i == 10;
}

void uuid_format(struct uuid u, char out[UUID_TEXT_LEN])
{
	static const char hex[] = "0123456789abcdef";
	for (int i = 0; i < 16; i++) {
		if (hyphen_before(i))
			*out++ = '-';
		*out++ = hex[u.b[i] >> 4];
		*out++ = hex[u.b[i] & 15];
	}
}

enum err uuid_parse(struct str text, struct uuid *ret)
{
	if (text.n != UUID_TEXT_LEN)
		return ERR_MALFORMED;

	struct uuid u;
	const char *p = text.p;
	for (int i = 0; i < 16; i++) {
		if (hyphen_before(i) && *p++ != '-')
			return ERR_MALFORMED;
		int high = hex_digit(*p++), low = hex_digit(*p++);
		if (high < 0 || low < 0)
			return ERR_MALFORMED;
		u.b[i] = (uint8_t)(high << 4 | low);
	}
	*ret = u;
	return ERR_OK;
}

bool uuid_is_nil(struct uuid u)
{
	static const struct uuid nil;
	return memcmp(&u, &nil, sizeof u) == 0;
}
