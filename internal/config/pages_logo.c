#include "config/pages_logo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

static const char *extension_of(struct str picture)
{
	if (str_starts(picture, STR("\x89PNG\r\n\x1a\n")))
		return ".png";
	return memmem(picture.p, picture.n < 1024 ? picture.n : 1024, "<svg", 4) != NULL ? ".svg" : NULL;
}

enum err pages_logo_read(struct str path, struct arena *a, struct str *ret, const char **ret_extension, struct sbuf *faults)
{
	struct str file = file_read(path, PAGES_LOGO_MAX);
	const char *why = file.p == NULL ? strerror(errno) : "it is neither PNG nor SVG";
	*ret_extension = file.p == NULL ? NULL : extension_of(file);
	*ret = *ret_extension == NULL ? STR_NONE : arena_copy(a, file);
	free((char *)file.p);
	if (*ret_extension == NULL) {
		sbuf_printf(faults, "M2M_PAGES_LOGO: %.*s can't be used: %s\n", STR_ARG(path), why);
		return ERR_MALFORMED;
	}
	return ret->p == NULL ? ERR_NO_MEMORY : ERR_OK;
}
