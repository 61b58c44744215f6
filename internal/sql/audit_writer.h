/* A writer of the audit: it seals what was written (migrations/0005 tells what a seal is). One
 * per issuing connection, and one per run of m2mctl.
 *
 *   prepare -> put into the parameters of the statement that writes a batch, or of one that
 *   writes the seal alone
 *           -> stored: the batch is written; now `row` for each of its tokens -> prepare ...
 *           -> lost:   nobody knows what became of the statement
 *
 * What a lost statement carried may be stored or not, so that writer ends and another one goes
 * on: its first seal names the last one that is stored for sure, and seals the rows that the
 * lost one should have. */
#ifndef M2M_SQL_AUDIT_WRITER_H
#define M2M_SQL_AUDIT_WRITER_H

#include "crypto/audit_seal.h"
#include "sql/audit_row.h"
#include "sql/pg_value.h"

/* $1 kid, $2 public JWK. What seals are signed with is known before the first one is. */
#define SQL_AUDIT_KEY "insert into m2m.audit_key (kid, public_jwk) values ($1::text, $2::text) on conflict do nothing"

struct audit_writer;

/* Signs with what is derived from `master`. Batches have at most `rows_max` rows. ERR_NO_MEMORY,
 * ERR_CRYPTO. */
MUST_CHECK enum err audit_writer_new(const struct master_key *master, size_t rows_max, struct audit_writer **ret);
void audit_writer_free(struct audit_writer *w); /* NULL is allowed */

enum audit_seal_kind {
	SEAL_WITH_BATCH, /* travels with a batch, whose id it names */
	SEAL_ALONE,      /* nothing follows for now */
	SEAL_LAST,       /* nothing follows at all */
};

/* Makes the next seal, unless one of this kind is made already: a signature, and a hash or two
 * for each unsealed row. On failure there is none. */
MUST_CHECK enum err audit_writer_prepare(struct audit_writer *w, enum audit_seal_kind kind);

/* The prepared seal's batch. */
struct uuid audit_writer_batch(const struct audit_writer *w);

/* The prepared seal, in eleven parameters, borrowed until the statement was sent. */
void audit_writer_put(const struct audit_writer *w, struct pg_params *p);
/* $1 and $2 of SQL_AUDIT_KEY, in `a`. */
void audit_writer_put_key(const struct audit_writer *w, struct arena *a, struct pg_params *p);

/* The statement with the prepared seal has committed, at this time (microseconds since 1970). */
void audit_writer_stored(struct audit_writer *w, int64_t at);
void audit_writer_lost(struct audit_writer *w);

/* A row that was written with the seal that was stored last; its batch_id and issued_at are that
 * one's. For a batch that can't be hashed whole (out of memory, or a row that PostgreSQL would
 * not have taken) nothing is sealed: it shows as a batch without a seal. */
void audit_writer_row(struct audit_writer *w, const struct audit_row *row);

/* Whether there is something to seal, or a writer to end. */
bool audit_writer_behind(const struct audit_writer *w);
bool audit_writer_began(const struct audit_writer *w);

/* A batch that was written without a seal before it, m2mctl's single one: its rows follow. */
void audit_writer_batch_begin(struct audit_writer *w, struct uuid batch_id, int64_t issued_at);

#endif
