/* The migrations that this program was built with. schema_files[v - 1] is version v. */
#ifndef M2M_STORE_SCHEMA_H
#define M2M_STORE_SCHEMA_H

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

int schema_latest_version(void);
const uint8_t *schema_checksum(int version); /* SCHEMA_CHECKSUM_LEN bytes; NULL: no such version */

#endif
