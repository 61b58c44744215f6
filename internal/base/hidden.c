/* The ranges are those of Unicode's Default_Ignorable_Code_Point, Cc and
 * Noncharacter_Code_Point, and U+2028 and U+2029. */
#include "base/hidden.h"

#define UNIT_LEN 6

struct range {
	uint32_t first, last;
};

static const struct range hidden[] = {
	{0x0, 0x1f},        {0x7f, 0x9f},       {0xad, 0xad},       {0x34f, 0x34f},   {0x61c, 0x61c},   {0x115f, 0x1160},
	{0x17b4, 0x17b5},   {0x180e, 0x180e},   {0x200b, 0x200b},   {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},
	{0x3164, 0x3164},   {0xfdd0, 0xfdef},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0x1bca0, 0x1bca3},
	{0x1d173, 0x1d17a}, {0xe0000, 0xe00ff}, {0xe01f0, 0xe0fff},
};

static const struct range selectors[] = {{0x180b, 0x180d}, {0x180f, 0x180f}, {0xfe00, 0xfe0f}, {0xe0100, 0xe01ef}};

static bool is_among(uint32_t code, const struct range *ranges, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}

static bool is_noncharacter(uint32_t code)
{
	return (code & 0xfffe) == 0xfffe;
}

bool code_is_hidden(uint32_t code)
{
	if (code >= 0x20 && code < 0x7f)
		return false;
	return is_noncharacter(code) || is_among(code, hidden, sizeof hidden / sizeof *hidden);
}

bool code_is_selector(uint32_t code)
{
	return is_among(code, selectors, sizeof selectors / sizeof *selectors);
}

static void put_unit(uint32_t unit, char to[UNIT_LEN])
{
	static const char hex[] = "0123456789abcdef";
	to[0] = '\\';
	to[1] = 'u';
	for (int i = 0; i < 4; i++)
		to[2 + i] = hex[unit >> (12 - 4 * i) & 15];
}

size_t code_escape(uint32_t code, char to[CODE_ESCAPE_MAX])
{
	size_t n = 0;
	if (code >= 0x10000) { /* a surrogate pair */
		put_unit(0xd800 + ((code - 0x10000) >> 10), to);
		code = 0xdc00 + ((code - 0x10000) & 0x3ff);
		n = UNIT_LEN;
	}
	put_unit(code, to + n);
	return n + UNIT_LEN;
}
