/* What embed_pages.cmake made of the pages when the program was built. */
#ifndef M2M_WEB_ASSETS_H
#define M2M_WEB_ASSETS_H

#include "base/str.h"

struct web_asset {
	const char *source; /* "portal.js" */
	const char *name;   /* "portal-01234567.js" */
	/* with their quotes (RFC 9110 section 8.8.3) */
	const char *etag, *gzip_etag;
	struct str plain, gzip;
};

extern const struct web_asset web_assets[];
extern const unsigned web_assets_n; /* 0: built without pages */

#endif
