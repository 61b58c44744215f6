/* What the settings decide of the pages: their HTML, the accent colour, the logo. */
#ifndef M2M_WEB_SHELL_H
#define M2M_WEB_SHELL_H

#include "base/arena.h"
#include "base/sbuf.h"
#include "config/config.h"

#define WEB_ASSETS  "/assets/"
#define SHELL_PATHS "/portal", "/docs", "/console"

struct shell_page {
	const char *path;
	struct str html, etag;
};

/* No setting, or a picture: its name is absent. */
struct shell_asset {
	struct str name, body, etag;
};

enum { SHELL_THEME, SHELL_LOGO, SHELL_ASSETS };

struct shell {
	struct arena *arena; /* of all texts */
	struct str policy;   /* Content-Security-Policy */
	struct shell_page pages[3];
	struct shell_asset assets[SHELL_ASSETS];
};

/* ERR_MALFORMED: the logo can't be used, and a line in `faults` says why; ERR_NO_MEMORY. */
MUST_CHECK enum err shell_open(struct shell *s, const struct config *config, struct sbuf *faults);
void shell_close(struct shell *s);

/* NULL: there is none. */
const struct shell_page *shell_page(const struct shell *s, struct str path);
const struct shell_asset *shell_asset(const struct shell *s, struct str name);

#endif
