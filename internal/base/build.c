#include "base/build.h"

#include <stddef.h>

const char *build_revision(void)
{
	return sizeof M2M_REVISION > 1 ? M2M_REVISION : NULL;
}
