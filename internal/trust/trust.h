/* The trusted outside issuers, whose users' tokens open the routes below /m2m (and, with the
 * platform's role, /admin): who they are, and their keys.
 *
 *   M2M_TRUSTED_ISSUERS_FILE --(reread when it changes)--> list of issuers --+
 *   jwks_file --(reread when it changes)-----------------> JWK Set text -----+--> one immutable
 *   snapshot --> each worker's view: parsed keys of its own jwks_url --(HTTPS, cached by its
 *   headers)------------> JWK Set text -----+
 *
 * One thread of the process (the keeper) does everything that blocks: files and HTTPS. Workers
 * only ever look at snapshots: a view asks an atomic generation, and takes the keeper's lock for
 * a moment when that has changed. The only folder that includes libcurl. */
#ifndef M2M_TRUST_TRUST_H
#define M2M_TRUST_TRUST_H

#include <event2/event.h>
#include <stdbool.h>

#include "base/sbuf.h"
#include "base/str.h"
#include "config/config.h"
#include "config/issuer_list.h"
#include "crypto/signing_key.h"

struct trust;

/* Checks the settings' list (config->trusted_issuers; absent: no outside issuers, and all of
 * this is idle). ERR_MALFORMED: one line per fault is appended to `why`. Nothing is fetched and
 * no thread runs before trust_start. `config` is borrowed. */
MUST_CHECK enum err trust_open(const struct config *config, struct trust **ret, struct sbuf *why);
/* ERR_OVERLOADED: the system gives no thread more; errno says why. */
MUST_CHECK enum err trust_start(struct trust *t);
/* Has the files looked at now, which otherwise happens once a second. From any thread. False:
 * there is nothing to look at. */
bool trust_look_now(struct trust *t);
/* Stops the keeper (a fetch under way is given up at once) and frees. After every view is gone.
 * NULL is allowed. */
void trust_close(struct trust *t);

/* ---- one worker's side: everything below is called from its thread ---- */

struct trust_view;

/* NULL: out of memory */
struct trust_view *trust_view_new(struct trust *t, struct event_base *base);
/* Answers everything that waits with ERR_ISSUER_UNAVAILABLE. NULL is allowed. */
void trust_view_free(struct trust_view *v);

/* The issuer whose `issuer` is `iss`, with `tid` (may be absent) in the place of {tenantid};
 * NULL: not trusted. Valid until the caller returns to the loop. */
const struct trust_issuer *trust_find_issuer(struct trust_view *v, struct str iss, struct str tid);

/* The issuer of a SPIFFE JWT-SVID by its `sub`, spiffe://<trust domain>/...; else as
 * trust_find_issuer. */
const struct trust_issuer *trust_find_spiffe(struct trust_view *v, struct str sub);

/* Whether the tokens of any say which workload a client is. */
bool trust_has_workloads(struct trust_view *v);

/* The issuer's key `kid`. ERR_OK: *ret is valid until the caller returns to the loop. ERR_AGAIN:
 * its keys are being fetched, or now will be: trust_wait tells when to ask again.
 * ERR_NOT_PRESENT: there is no such key, and the issuer was asked too short a time ago to be
 * asked again. ERR_ISSUER_UNAVAILABLE: its keys were never there yet, and asking failed a moment
 * ago. */
MUST_CHECK enum err trust_find_key(struct trust_view *v, const struct trust_issuer *issuer, struct str kid, struct signing_key **ret);

#define TRUST_KEYS_MAX 4

/* For a token without kid: the issuer's keys for `alg`, up to TRUST_KEYS_MAX, as trust_find_key
 * gives one. ERR_TOO_LARGE: there are more. ERR_NOT_PRESENT, ERR_AGAIN, ERR_ISSUER_UNAVAILABLE:
 * there is none; as above. */
MUST_CHECK enum err trust_find_keys_of(struct trust_view *v, const struct trust_issuer *issuer, enum jwt_alg alg,
				       struct signing_key *ret[TRUST_KEYS_MAX], size_t *ret_n);

/* None of those keys has signed it. ERR_AGAIN: the issuer is asked for younger ones; else
 * ERR_NOT_PRESENT or ERR_ISSUER_UNAVAILABLE, as trust_find_key says. */
MUST_CHECK enum err trust_ask_anew(struct trust_view *v, const struct trust_issuer *issuer);

/* After ERR_AGAIN: `done` is called once from the loop when the fetch has ended, with ERR_OK
 * whatever came of it (bounded by the fetch's own time limit). ERR_OVERLOADED: too many wait. */
typedef void trust_done(void *arg, enum err err);
MUST_CHECK enum err trust_wait(struct trust_view *v, const struct trust_issuer *issuer, trust_done *done, void *arg);

#endif
