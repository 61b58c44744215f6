/* The databases' URLs, as libpq will understand them. Nothing of one is ever repeated: where it
 * was written wrongly, a part of its password may stand anywhere. */
#ifndef M2M_SQL_DATABASE_URL_H
#define M2M_SQL_DATABASE_URL_H

#include "base/sbuf.h"
#include "config/config.h"

/* Looks at each URL that is set, without connecting. ERR_MALFORMED: one line for each that can't
 * be used was appended to `faults`; it names the setting and what is wrong, not the value. */
MUST_CHECK enum err database_urls_check(const struct config *config, struct sbuf *faults);
/* The same of one URL from elsewhere, which is spelled as a setting's is; `what` names it. */
MUST_CHECK enum err database_url_check(struct str url, const char *what, struct sbuf *faults);

/* The URL to connect with now: what the file at `path` (NULL: there is none) holds by now, in
 * `fresh`, which the caller wipes, so that a password, or a user with it, is changed without a
 * restart; `url` where the file can't be used. A file that names another server or database
 * isn't followed, since the connections of one gateway must not lead to two: *ret_moved. */
#define DATABASE_URL_MAX 2048
const char *database_url_now(const char *url, const char *path, char fresh[DATABASE_URL_MAX + 1], bool *ret_moved);

#endif
