#include "harness/base64.h"

#include <assert.h>

#include "base/base64.h"

const char *base64_text(char *out, size_t cap, const void *bytes, size_t n)
{
	assert(cap > 4 * ((n + 2) / 3));
	size_t len = base64url_encode(out, bytes, n);
	for (size_t i = 0; i < len; i++) {
		if (out[i] == '-')
			out[i] = '+';
		else if (out[i] == '_')
			out[i] = '/';
	}
	while (len % 4 != 0)
		out[len++] = '=';
	out[len] = '\0';
	return out;
}
