/* The pages for browsers: the portal, the operators' console, the documentation of the API, and the
 * scripts, styles and pictures that they consist of. They are part of the program
 * (embed_pages.cmake), and the pages do nothing that the API can't.
 *
 *   /portal, /console, /docs     HTML with our settings in it, asked for anew each time
 *   /assets/<name>-<hash>.<ext>  anything else, which never changes under its name
 *
 * A page names its assets and the API relative to itself, so that it works below any prefix that a
 * proxy puts before it. Nothing of it knows HTTP's connections: rest asks for an answer and sends
 * it. */
#ifndef M2M_WEB_WEB_H
#define M2M_WEB_WEB_H

#include <stdbool.h>

#include "base/sbuf.h"
#include "config/config.h"

struct web;

/* Of all workers; immutable. *ret is NULL where M2M_PAGES is off or the program was built without
 * pages. ERR_MALFORMED: the logo can't be used, and a line in `faults` says why; ERR_NO_MEMORY. */
MUST_CHECK enum err web_open(const struct config *config, struct web **ret, struct sbuf *faults);
void web_close(struct web *w);

/* Its first segment is that of a page or an asset. */
bool web_begins(struct str path);

struct web_answer {
	bool not_modified;  /* RFC 9110 section 15.4.5: no body */
	bool gzip;          /* Content-Encoding; Vary is Accept-Encoding in any case */
	const char *type;   /* Content-Type */
	const char *policy; /* Content-Security-Policy */
	const char *cache;  /* Cache-Control */
	struct str etag;    /* NUL-terminated, as `type` and the others */
	struct str body;
};

/* False: there is no such page. The fields as the request has them, absent where it has none.
 * What *ret names lives as long as `w`. */
MUST_CHECK bool web_find(const struct web *w, struct str path, struct str accept_encoding, struct str if_none_match,
			 struct web_answer *ret);

#endif
