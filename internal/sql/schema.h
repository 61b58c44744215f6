/* The migrations that this program was built with. schema_files[v - 1] is version v. */
#ifndef M2M_SQL_SCHEMA_H
#define M2M_SQL_SCHEMA_H

#include <stdint.h>

#define SCHEMA_CHECKSUM_LEN 32

struct schema_file {
	int version;
	const char *name; /* "schema" of 0001_schema.up.sql */
	const char *up;   /* SQL */
	const char *down;
	uint8_t checksum[SCHEMA_CHECKSUM_LEN]; /* SHA-256 of the up file */
};

extern const struct schema_file schema_files[];
extern const int schema_files_n;

/* A pooler may hand the session to another backend between transactions, and with it what was
 * set and prepared. It shows by the key to cancel with, which is the pooler's own. */
#define POOLER_REFUSED                                                                                                                     \
	"a connection pooler, such as PgBouncer, answers in PostgreSQL's place; connect to PostgreSQL itself: sessions are kept, and "     \
	"they are few"

int schema_latest_version(void);
const uint8_t *schema_checksum(int version); /* SCHEMA_CHECKSUM_LEN bytes; NULL: no such version */

#endif
