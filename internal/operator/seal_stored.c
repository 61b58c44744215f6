/* Seals as the database has them, and the words for what is found wrong with them. */
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "operator/seal_parts.h"

const char *seal_fault_text(enum seal_fault fault)
{
	static const char *const texts[SEAL_FAULTS] = {
		[ROW_CHANGED] = "rows that were changed since they were sealed",
		[ROW_REMOVED] = "rows that were sealed and are gone",
		[ROW_ADDED] = "rows that no gateway wrote",
		[SEAL_CHANGED] = "seals that were changed, or put out of order",
		[SEAL_MISSING] = "seals that are gone",
		[SEAL_UNVOUCHED] = "seals' keys that nobody vouches for",
	};
	return texts[fault];
}

void seal_fault_found(struct seal_checking *c, enum seal_fault fault, const char *format, ...)
{
	char text[512];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	c->found->faults[fault]++;
	c->spec->fault(c->spec->arg, fault, str_from(text, n < 0 || (size_t)n >= sizeof text ? sizeof text - 1 : (size_t)n));
}

struct name uuid_name(struct uuid u)
{
	struct name name = {""};
	uuid_format(u, name.text);
	return name;
}

struct name time_name(int64_t us)
{
	struct name name = {""};
	clock_rfc3339(us, name.text);
	return name;
}

static void copy_exactly(void *to, struct str from, size_t n)
{
	if (from.n == n)
		memcpy(to, from.p, n);
}

struct stored_seal read_seal(const PGresult *r, int row)
{
	struct stored_seal s = {
		.at = pg_time_us(r, row, 0),
		.seal = {.version = pg_is_null(r, row, 12) ? 1 : pg_int4(r, row, 12),
			 .writer = pg_uuid(r, row, 1),
			 .seq = (uint64_t)pg_int8(r, row, 2),
			 .previous_at = pg_time_us(r, row, 4),
			 .batch_id = pg_uuid(r, row, 5),
			 .sealed_batch = pg_uuid(r, row, 6),
			 .tags = pg_str(r, row, 8),
			 .last = pg_bool(r, row, 9)},
		.kid = pg_str(r, row, 10),
		.signature = pg_str(r, row, 11),
	};
	copy_exactly(s.seal.previous, pg_str(r, row, 3), sizeof s.seal.previous);
	copy_exactly(s.seal.root, pg_str(r, row, 7), sizeof s.seal.root);
	return s;
}
