/* Comparing, cutting and reading borrowed text. Nothing here allocates or writes to the text. */
#include "base/str.h"

#include <arpa/inet.h>

static char lower(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c;
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z');
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* True where the lengths and the presence agree, so that only bytes are left to compare. */
static bool same_shape(struct str a, struct str b)
{
	return a.n == b.n && (a.p == NULL) == (b.p == NULL);
}

bool str_eq(struct str a, struct str b)
{
	return same_shape(a, b) && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_eq_nocase(struct str a, struct str b)
{
	if (!same_shape(a, b))
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

bool str_starts(struct str s, struct str prefix)
{
	if (s.p == NULL || prefix.p == NULL || s.n < prefix.n)
		return false;
	return memcmp(s.p, prefix.p, prefix.n) == 0;
}

struct str str_trim(struct str s)
{
	while (s.n > 0 && is_blank(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

struct str str_split(struct str *rest, char sep)
{
	struct str all = *rest;
	const char *end = all.p == NULL ? NULL : memchr(all.p, sep, all.n);
	if (end == NULL) {
		*rest = STR_NONE;
		return all;
	}

	size_t n = (size_t)(end - all.p);
	*rest = str_from(end + 1, all.n - n - 1);
	return str_from(all.p, n);
}

enum err str_to_i64(struct str s, int64_t min, int64_t max, int64_t *ret)
{
	bool negative = s.n > 0 && s.p[0] == '-';
	struct str digits = negative ? str_from(s.p + 1, s.n - 1) : s;
	if (digits.n == 0)
		return ERR_MALFORMED;

	/* Summed below zero, because INT64_MIN has no positive counterpart. Reading goes on
	 * after an overflow: a text that is no number at all is malformed, however long it is. */
	int64_t sum = 0;
	bool overflow = false;
	for (size_t i = 0; i < digits.n; i++) {
		char c = digits.p[i];
		if (c < '0' || c > '9')
			return ERR_MALFORMED;
		overflow = overflow || __builtin_mul_overflow(sum, 10, &sum) || __builtin_sub_overflow(sum, c - '0', &sum);
	}
	if (!negative)
		overflow = overflow || __builtin_sub_overflow(0, sum, &sum);
	if (overflow || sum < min || sum > max)
		return ERR_TOO_LARGE;

	*ret = sum;
	return ERR_OK;
}

bool str_is_word(struct str s, const char *also)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		/* strchr would find the set's own terminator */
		if (!is_alnum(c) && (c == '\0' || strchr(also, c) == NULL))
			return false;
	}
	return true;
}

bool str_is_network(struct str s)
{
	char address[INET6_ADDRSTRLEN];
	uint8_t bytes[16];
	int64_t bits = 0;
	struct str first = str_split(&s, '/');
	if (first.n == 0 || first.n >= sizeof address)
		return false;
	memcpy(address, first.p, first.n);
	address[first.n] = '\0';
	bool four = inet_pton(AF_INET, address, bytes) == 1;
	if (!four && inet_pton(AF_INET6, address, bytes) != 1)
		return false;
	return s.p == NULL || str_to_i64(s, 0, four ? 32 : 128, &bits) == ERR_OK;
}
