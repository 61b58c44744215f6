#include "crypto/signing_way.h"

static const char *const names[SIGNING_WAY_COUNT] = {
	[SIGNING_SINGLE] = "single",
	[SIGNING_BATCHED] = "batched",
	[SIGNING_MULTI_BUFFER] = "multi-buffer",
};

const char *signing_way_name(enum signing_way way)
{
	return names[way];
}

enum err signing_way_named(struct str name, enum signing_way *ret)
{
	for (int way = 0; way < SIGNING_WAY_COUNT; way++)
		if (str_eq(name, str_of(names[way]))) {
			*ret = (enum signing_way)way;
			return ERR_OK;
		}
	return ERR_MALFORMED;
}
