/* The forms of the words that settings, m2mctl's arguments and tokens share. */
#ifndef M2M_CONFIG_WORDS_H
#define M2M_CONFIG_WORDS_H

#include <stdbool.h>

#include "base/str.h"

#define AUDIENCE_MAX 256
#define SCOPE_MAX    256

/* A scope-token (RFC 6749 section 3.3): visible ASCII but '"' and '\', 1 to SCOPE_MAX. */
bool word_is_scope(struct str s);

/* An audience: the same alphabet, so that it stands in JSON and in forms as it is; 1 to
 * AUDIENCE_MAX. */
bool word_is_audience(struct str s);

/* http(s)://host[:port][/path], without user, query and fragment (RFC 8414 section 2); one slash
 * may end it. */
bool word_is_issuer(struct str s);

/* What an organization is called in commands and paths: lower-case letters, digits and hyphens,
 * 1 to 63, not first a hyphen. */
bool word_is_slug(struct str s);

/* What people call something: UTF-8 without what base/visible.h calls hidden, up to 200
 * characters; may be empty. It is printed to terminals and compared by eye, and the schema's
 * limit counts characters. */
bool word_is_name(struct str s);

#endif
