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
	struct brought_secret secrets[FOREIGN_SECRETS_MAX];
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

/* Its member `credentials`, a list of objects, as the client's. NULL, or a sentence. `now`:
 * microseconds since 1970 (import_credentials.c). */
const char *record_take_credentials(struct arena *a, const struct json *list, int64_t now, struct import_client *client);

/* ---- for the readers of our own form ---- */

#define RECORD_TEXT   (1u << JSON_STRING)
#define RECORD_NUMBER (1u << JSON_NUMBER)
#define RECORD_BOOL   (1u << JSON_TRUE | 1u << JSON_FALSE)
#define RECORD_LIST   (1u << JSON_ARRAY)
#define RECORD_OBJECT (1u << JSON_OBJECT)

struct record_member {
	const char *name;
	unsigned types;
};
/* Every member is one of `known`, which ends with a NULL, and of its type; null is as good as
 * absent. Lists are of texts, but for those of objects. */
const char *record_check_members(struct arena *a, const struct json *object, const struct record_member *known);
/* A time of RFC 3339, or nothing: 0. False: something else. */
bool record_take_time(const struct json *object, const char *key, int64_t *ret);

/* ---- for all readers ---- */

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
