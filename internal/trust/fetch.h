/* One HTTPS request for a JWK Set or an issuer's configuration, from start to end, on a libcurl
 * multi handle that its owner drives. Private to trust/.
 *
 * Only https, certificates verified, TLS 1.2 and up, 5 seconds in all, FETCH_BODY_MAX bytes, no
 * redirect but to the same host and port (and at most three), no compression. */
#ifndef M2M_TRUST_FETCH_H
#define M2M_TRUST_FETCH_H

#include <curl/curl.h>

#include "base/str.h"
#include "crypto/jwks.h"

#define FETCH_TIMEOUT_MS 5000
#define FETCH_BODY_MAX   JWKS_TEXT_MAX

struct fetch;

/* `url`, `ca_file` and `bearer` (these may be absent) are copied. The bearer is a token for the
 * URL's host, which it goes to alone. NULL: out of memory. */
struct fetch *fetch_start(CURLM *multi, struct str url, struct str ca_file, struct str bearer);
/* Gives it up at any moment, at once. NULL is allowed. */
void fetch_free(struct fetch *f);

/* The fetch that a message of the multi handle is about. */
struct fetch *fetch_of(CURL *easy);

/* Of one that has ended: whether `url` has its scheme, host and port. */
bool fetch_is_at(const struct fetch *f, const char *url);

/* After CURLMSG_DONE: true, when it has ended; false, when it goes on elsewhere. */
bool fetch_ended(struct fetch *f, CURLcode result);

/* Of one that has ended. The body, absent if there is none worth reading, when fetch_why says
 * why; borrowed. */
struct str fetch_body(const struct fetch *f);
const char *fetch_why(const struct fetch *f);
/* For how many seconds it may be kept (RFC 9111 section 4.2): max-age less Age; 0 for no-store
 * and no-cache; `otherwise` when nothing is said. */
long fetch_max_age(const struct fetch *f, long otherwise);

#endif
