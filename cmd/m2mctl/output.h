/* Printing data in one of the forms of --output: aligned text, JSON, CSV (RFC 4180), NAME=value
 * lines that a shell can read, or, of credentials, the manifest of a Kubernetes Secret. */
#ifndef M2MCTL_OUTPUT_H
#define M2MCTL_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/sbuf.h"
#include "base/str.h"
#include "base/uuid.h"
#include "ctl.h"

enum field_kind {
	FIELD_TEXT,
	FIELD_NUMBER,
	FIELD_BOOL,
	FIELD_WORDS,    /* joined with spaces; an array in JSON */
	FIELD_NETWORKS, /* the same; absent: any, null in JSON */
	FIELD_RAW,      /* JSON text */
};

struct field {
	const char *key; /* in JSON, and the label in text */
	const char *env; /* the name in env output; NULL: left out there */
	enum field_kind kind;
	struct str text; /* absent: null, "-" */
	int64_t number;
};

struct field field_text(const char *key, struct str text);
struct field field_words(const char *key, struct str joined);
struct field field_networks(const char *key, struct str joined);
struct field field_raw(const char *key, struct str json);
struct field field_number(const char *key, int64_t number);
struct field field_bool(const char *key, bool value);
/* Microseconds since 1970 as RFC 3339; 0 is absent. */
struct field field_time(struct ctl *ctl, const char *key, int64_t us);
struct field field_uuid(struct ctl *ctl, const char *key, struct uuid id);
struct field field_in_env(const char *env, struct field field);

/* Each answers EXIT_DONE, or EXIT_FAILED when stdout takes no more. */
int output_record(struct ctl *ctl, const struct field *fields, size_t n);

/* The same for credentials, of a client of this organization (slug). */
int output_credentials(struct ctl *ctl, struct str organization, const struct field *fields, size_t n);

/* Room for the fields of so many rows. NULL: there is no memory for them, which was said. */
struct field *output_room(const struct ctl *ctl, size_t columns, size_t rows);

/* `rows` times `columns` fields, row after row. In text, no rows is the line "no `what`" on
 * stderr. Env output has no lists: EXIT_USAGE. */
int output_rows(struct ctl *ctl, const char *what, const struct field *fields, size_t columns, size_t rows);

/* Rows of a list that goes on: the titles once, then every row by itself, in JSON one object a
 * line. */
int output_next_rows(struct ctl *ctl, bool first, const struct field *fields, size_t columns, size_t rows);

/* Whether output_rows would refuse, to be asked before an act that ends in a list. */
int output_rows_check(const struct ctl *ctl);

/* Text as it is, whatever --output says. */
int output_text(const struct sbuf *built);

/* JSON text that others may have made. What is hidden in it (base/visible.h) stands in strings,
 * and is printed as their escapes: no terminal is driven by it, and it means the same. */
int output_json(struct ctl *ctl, const struct sbuf *built);

/* One line as it is, in text; the record in the other forms. */
int output_line_or_record(struct ctl *ctl, struct str line, const struct field *fields, size_t n);

#endif
