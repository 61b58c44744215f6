/* Where one issuer's keys come from, and the last good set: a file that is read each second, or
 * a URL that is fetched when its time has come or a worker wants it. The keeper's, but for the
 * three atomics, which workers ask about. Private to trust/. */
#ifndef M2M_TRUST_SOURCE_H
#define M2M_TRUST_SOURCE_H

#include <stdatomic.h>

#include "config/issuer_list.h"
#include "crypto/digest.h"
#include "trust/fetch.h"
#include "trust/snapshot.h"

#define SOURCE_ASK_US 10000000 /* an unknown kid makes us ask its issuer no more often than this */

struct source {
	const struct issuer_entry *entry; /* of the present list */
	char *text;                       /* the last good set */
	struct key_text keys;             /* borrows text */
	uint8_t seen[SHA256_LEN];         /* what was last read from the file, good or not */
	bool again;                       /* for want of memory it wasn't taken */
	/* about the present state, which is not said again and again */
	bool complained;

	struct fetch *fetch;
	bool discovering;  /* what is fetched is the issuer's configuration */
	const char *why;   /* what was wrong with it; NULL: nothing. Static */
	int64_t next_us;   /* when to fetch again */
	unsigned failures; /* since the last good set */

	atomic_bool has_keys;
	/* being fetched, or to be fetched at once; cleared when what came of it is published */
	atomic_bool busy;
	_Atomic int64_t asked_us; /* when it was last fetched; 0: never */
};

/* NULL: out of memory. A source with a URL begins busy. */
struct source *source_new(const struct issuer_entry *entry);
void source_free(struct source *s); /* NULL is allowed */

/* The other list's entry means the same keys: the source may go on under it. */
bool source_serves(const struct source *s, const struct issuer_entry *entry);

/* Reads the file, if the source has one. True: a new good set was taken, under `version`. */
bool source_look(struct source *s, uint64_t version);

/* True: it is time to fetch. */
bool source_is_due(const struct source *s, int64_t now_us);
void source_begin(struct source *s, CURLM *multi, int64_t now_us);
/* The fetch has ended. True: it was the issuer's configuration, and its keys are being fetched.
 * False: source_end is next. */
bool source_goes_on(struct source *s, CURLM *multi);
/* The fetch has ended. True: a new good set was taken. It stays busy until the caller has
 * published that. */
bool source_end(struct source *s, uint64_t version, int64_t now_us);

#endif
