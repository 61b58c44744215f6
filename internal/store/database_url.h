/* The databases' URLs, as libpq will understand them. Nothing of one is ever repeated: where it was written wrongly, a part
 * of its password may stand anywhere. */
#ifndef M2M_STORE_DATABASE_URL_H
#define M2M_STORE_DATABASE_URL_H

#include "base/sbuf.h"
#include "config/config.h"

/* Looks at each URL that is set, without connecting. ERR_MALFORMED: one line for each that can't be used was appended to
 * `faults`; it names the setting and what is wrong, not the value. */
MUST_CHECK enum err database_urls_check(const struct config *config, struct sbuf *faults);

#endif
