/* What one record of an import says of a client, in our own form or in another product's. */
#ifndef M2MCTL_IMPORT_RECORD_H
#define M2MCTL_IMPORT_RECORD_H

#include "base/arena.h"
#include "operator/client_import.h"
#include "json/json_read.h"

/* One of plain, hash, or kept.verifier. */
struct brought_secret {
	struct str plain, hash;
	struct import_secret kept;
};

struct brought {
	struct import_client client; /* its secrets aren't set */
	struct brought_secret secrets[IMPORT_SECRETS_MAX];
	size_t n;
	const char *left_out; /* why it is no client for us; NULL: it is one */
};

/* Fills *ret, which is zeroed. NULL, or a sentence about what is wrong. All lives in `a` or in
 * the record. */
typedef const char *record_read(struct arena *a, const struct json *record, struct brought *ret);

record_read record_read_own;

struct record_form {
	const char *name;      /* of --from */
	const char *container; /* import_file.h */
	record_read *read;
};
/* Our own form for an absent name; NULL: there is no such product. */
const struct record_form *record_form(struct str name);

/* The value at a path such as "metadata.tenant", where a member's name may have dots itself; NULL:
 * there is none. */
const struct json *record_at(const struct json *record, struct str path);

/* ---- for the readers ---- */

/* A member's text; absent where there is none, or none of that type. */
struct str record_text(const struct json *record, const char *key);
bool record_is(const struct json *record, const char *key, enum json_type type);
/* A list of texts, or one text that has them with any of `separators` between; of objects, the
 * member `of` of each. Not given where there is none. */
struct words record_words(struct arena *a, const struct json *v, const char *separators, const char *of);
bool words_have(const struct words *words, const char *word);
/* Adds a version. False: there are too many. */
bool record_add_secret(struct brought *b, struct str plain, struct str hash, int64_t expires_at);
/* RFC 3339, or seconds since 1970 as a number or text; 0: none of these. */
int64_t record_time(const struct json *v);

#endif
