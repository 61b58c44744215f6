/* What seal*.c share. Private to operator/. */
#ifndef M2M_OPERATOR_SEAL_PARTS_H
#define M2M_OPERATOR_SEAL_PARTS_H

#include "operator/exec.h"
#include "operator/seal.h"
#include "sql/audit_row.h"

/* As read_seal reads them. */
#define SEAL_COLUMNS_N 13
#define SEAL_COLUMNS                                                                                                                       \
	"s.at, s.writer, s.seq, s.previous, s.previous_at, s.batch_id, s.sealed_batch_id, s.root, s.tags, s.last, s.kid, s.signature, "    \
	"s.version"

struct stored_seal {
	struct audit_seal seal;
	int64_t at;
	struct str kid, signature;
};

/* Borrowed from the result. A column that has not its size reads as zeros, which no signature
 * fits. */
struct stored_seal read_seal(const PGresult *r, int row);

#define SEAL_KEYS_MAX 64

struct seal_keys {
	struct {
		char kid[KID_LEN + 1];
		struct signing_key *key;
		bool vouched;
	} of[SEAL_KEYS_MAX];
	size_t n;
};

struct seal_checking {
	struct operator_db *db;
	const struct seal_check_spec *spec;
	struct seal_check *found;
	struct hasher *hasher;
	struct seal_keys keys;
	int64_t from; /* rows from then on are checked */
	/* and seals, earlier by as much as a clock may have been set back: no seal counts for a
	 * row that was not checked itself */
	int64_t seals_from;
	int64_t kept;  /* what is older has been dropped with its week */
	int64_t since; /* there are seals since then */
};

/* Counts and tells. */
void seal_fault_found(struct seal_checking *c, enum seal_fault fault, const char *format, ...) __attribute__((format(printf, 3, 4)));

struct name {
	char text[UUID_TEXT_LEN + 1];
};
struct name uuid_name(struct uuid u);
struct name time_name(int64_t us);

/* The hasher, and the keys: the database's too, when there is one. seal_checking_end frees what
 * begin has made, also after a failure. */
MUST_CHECK enum err seal_checking_begin(struct seal_checking *c, bool database);
void seal_checking_end(struct seal_checking *c);

/* Whether it is this kid's signature of the hash; a key that nobody vouches for is told of once,
 * an unknown one fits nothing. */
bool seal_signature_fits(struct seal_checking *c, struct str kid, const uint8_t hash[SHA256_LEN], struct str signature);
void seal_name_changed(struct seal_checking *c, const struct audit_seal *seal, int64_t at, const char *how);

/* Each seal against its signature, its neighbours and the heads. */
MUST_CHECK enum err seal_check_chains(struct seal_checking *c);
/* Each row against its batch's seal. */
MUST_CHECK enum err seal_check_rows(struct seal_checking *c);

/* The same for the batches that these seals are of: room for so many, filled from seals, held
 * against rows (seal_batches_row is a seal_row of it). */
struct seal_batches;
MUST_CHECK enum err seal_batches_new(struct seal_checking *c, size_t n, struct seal_batches **ret);
void seal_batches_free(struct seal_batches *b); /* NULL is allowed */
/* The batch that it seals, with its tags, which must last; and the one that it came with. */
void seal_batches_put(struct seal_batches *s, const struct stored_seal *seal);
MUST_CHECK enum err seal_batches_row(void *batches, struct str tuple);
/* Names what differs. */
MUST_CHECK enum err seal_batches_end(struct seal_batches *s);

/* A week in two files. */
MUST_CHECK enum err seal_check_files(struct operator_db *db, const char *rows_path, const char *seals_path,
				     const struct seal_check_spec *spec, struct seal_check *ret);

/* copy takes no parameters, but settings of the transaction may stand in its query: in a
 * subquery, since they would be read anew for each row. */
#define SPAN_FROM  "(select current_setting('m2m.span_from')::timestamptz)"
#define SPAN_UNTIL "(select current_setting('m2m.span_until')::timestamptz)"
#define SQL_SPAN_ROWS                                                                                                                      \
	"copy (select " AUDIT_ROW_COLUMNS " from m2m.token_audit where issued_at >= " SPAN_FROM " and issued_at < " SPAN_UNTIL             \
	") to stdout (format binary)"
MUST_CHECK enum err seal_set_span(struct operator_db *db, int64_t from, int64_t until);

#define SQL_CLOCK_SET_BACK "interval '1 day'"
#define CLOCK_SET_BACK_US  INT64_C(86400000000)

/* Told of each row that was issued in [from, until), in no order: its bytes (audit_tree.h),
 * which are gone afterwards. */
typedef enum err seal_row(void *arg, struct str tuple);
MUST_CHECK enum err seal_each_row(struct operator_db *db, int64_t from, int64_t until, seal_row *told, void *arg);

#endif
