/* What ctl_seal*.c share. Private to store/. */
#ifndef M2M_STORE_CTL_SEAL_PARTS_H
#define M2M_STORE_CTL_SEAL_PARTS_H

#include "store/ctl_exec.h"
#include "store/ctl_seal.h"

/* As read_seal reads them. */
#define SEAL_COLUMNS                                                                                                                       \
	"s.at, s.writer, s.seq, s.previous, s.previous_at, s.batch_id, s.sealed_batch_id, s.root, s.tags, s.last, s.kid, s.signature"

struct stored_seal {
	struct audit_seal seal;
	int64_t at;
	struct str kid, signature;
};

/* Borrowed from the result. A column that has not its size reads as zeros, which no signature fits. */
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
	struct ctl_db *db;
	const struct seal_check_spec *spec;
	struct seal_check *found;
	struct hasher *hasher;
	struct seal_keys keys;
	int64_t from;  /* rows and seals from then on are checked */
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

/* Each seal against its signature, its neighbours and the heads. */
MUST_CHECK enum err seal_check_chains(struct seal_checking *c);
/* Each row against its batch's seal. */
MUST_CHECK enum err seal_check_rows(struct seal_checking *c);

/* Told of each row that was issued in [from, until), in no order: its bytes (audit_tree.h), which are gone afterwards. */
typedef enum err seal_row(void *arg, struct str tuple);
MUST_CHECK enum err seal_each_row(struct ctl_db *db, int64_t from, int64_t until, seal_row *told, void *arg);

#endif
