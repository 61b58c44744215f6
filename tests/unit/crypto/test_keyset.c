#include <criterion/criterion.h>

#include "crypto/crypto_memory.h"
#include "crypto/key_wrap.h"
#include "crypto/keyset.h"
#include "failing_memory.h"
#include "jwt_test.h"
#include "mb_hooks.h"

TestSuite(keyset, .init = jwt_up, .fini = jwt_down);

/* The row that the database would hold for `key`. */
static struct keyset_row row_of(struct signing_key *key, bool current)
{
	struct keyset_row row = {.kid = signing_key_kid(key), .wrap_key_id = STR("k1"), .current = current};
	struct sbuf jwk = sbuf_in(arena, 1024);
	struct str der;

	row.alg = str_of(jwt_alg_name(signing_key_alg(key)));
	cr_assert_eq(signing_key_public_jwk(key, &jwk), ERR_OK);
	row.public_jwk = sbuf_str(&jwk);
	cr_assert_eq(signing_key_to_der(key, arena, &der), ERR_OK);
	cr_assert_eq(key_wrap(arena, &ring.keys[0], row.kid, der, &row.wrapped), ERR_OK);
	return row;
}

static struct keyset *built(const struct keyset_row *rows, size_t n)
{
	struct keyset *set;
	struct keyset_fault fault = {.err = ERR_INTERNAL};

	cr_assert_eq(keyset_build(&ring, SIGNING_MULTI_BUFFER, rows, n, 42, &set, &fault), ERR_OK);
	cr_assert_eq(fault.err, ERR_OK);
	return set;
}

/* The set without what the damage takes away: nothing to sign with, and whatever else there is. */
static struct keyset *damaged(const struct keyset_row *rows, size_t n, enum err want, struct str want_kid)
{
	struct keyset *set = NULL;
	struct keyset_fault fault = {.err = ERR_OK};

	cr_assert_eq(keyset_build(&ring, SIGNING_MULTI_BUFFER, rows, n, 42, &set, &fault), ERR_OK);
	cr_assert_eq(fault.err, want, "%s", err_info(fault.err)->code);
	cr_assert(str_eq(fault.kid, want_kid), "named '%.*s'", STR_ARG(fault.kid));
	return set;
}

static void refused(const struct keyset_row *rows, size_t n, enum err want, struct str want_kid)
{
	struct keyset *set = damaged(rows, n, want, want_kid);

	cr_assert_null(keyset_current(set));
	keyset_free(set);
}

Test(keyset, a_key_whose_lanes_do_not_verify_is_told_of)
{
	bool here;
	const char *version = multi_buffer_version(&here);
	if (!here)
		cr_skip_test("libcrypto_mb: %s", version);
	struct keyset_row row = row_of(keys[JWT_RS256], true);
	for (int lane = MB_NONE; lane <= 0; lane++) {
		struct keyset *set;
		struct keyset_fault fault;
		mb_spoil(lane);
		cr_assert_eq(keyset_build(&ring, SIGNING_MULTI_BUFFER, &row, 1, 42, &set, &fault), ERR_OK);
		cr_assert_eq(fault.err, ERR_OK);
		cr_assert_eq(fault.signs_simpler, lane != MB_NONE);
		cr_assert_eq(signing_key_way(keyset_current(set)), lane == MB_NONE ? SIGNING_MULTI_BUFFER : SIGNING_SINGLE);
		keyset_free(set);
	}
}

Test(keyset, the_current_key_signs_and_all_verify)
{
	struct keyset_row rows[] = {row_of(keys[JWT_RS256], false), row_of(keys[JWT_ES256], true)};
	struct keyset *set = built(rows, 2);
	struct signing_key *current = keyset_current(set);
	struct signing_key *retired = keyset_find(set, rows[0].kid);

	cr_assert_eq(keyset_generation(set), 42);
	cr_assert(str_eq(signing_key_kid(current), rows[1].kid));
	cr_assert(signing_key_is_private(current));
	cr_assert_eq(keyset_find(set, rows[1].kid), current);
	cr_assert_not(signing_key_is_private(retired));

	struct jwt of_current = parsed(signed_token(current, false, "{}"));
	struct jwt of_retired = parsed(signed_token(keys[JWT_RS256], false, "{}"));
	cr_assert_eq(jwt_verify(current, &of_current), ERR_OK);
	cr_assert_eq(jwt_verify(retired, &of_retired), ERR_OK);
	keyset_free(set);
}

Test(keyset, unknown_kids_are_not_found)
{
	struct keyset_row row = row_of(keys[JWT_ES256], true);
	struct keyset *set = built(&row, 1);

	cr_assert_null(keyset_find(set, signing_key_kid(keys[JWT_RS256])));
	cr_assert_null(keyset_find(set, str_from(row.kid.p, row.kid.n - 1)));
	cr_assert_null(keyset_find(set, STR("")));
	keyset_free(set);
}

Test(keyset, the_jwks_lists_every_key_and_no_private_part)
{
	struct keyset_row rows[] = {row_of(keys[JWT_RS256], false), row_of(keys[JWT_ES256], true)};
	struct keyset *set = built(rows, 2);
	struct sbuf want = sbuf_in(arena, 2048);

	sbuf_printf(&want, "{\"keys\":[%.*s,%.*s]}", STR_ARG(rows[0].public_jwk), STR_ARG(rows[1].public_jwk));
	cr_assert(str_eq(keyset_jwks(set), sbuf_str(&want)));
	keyset_free(set);
}

Test(keyset, no_rows_make_an_empty_set)
{
	struct keyset *set = built(NULL, 0);

	cr_assert_null(keyset_current(set));
	cr_assert(str_eq(keyset_jwks(set), STR("{\"keys\":[]}")));
	keyset_free(set);
	keyset_free(NULL);
}

Test(keyset, a_set_without_a_current_key_still_verifies)
{
	struct keyset_row row = row_of(keys[JWT_ES256], false);

	row.wrap_key_id = STR("not-on-this-ring"); /* not needed: it stays wrapped */
	struct keyset *set = built(&row, 1);
	cr_assert_null(keyset_current(set));
	cr_assert_not_null(keyset_find(set, row.kid));
	keyset_free(set);
}

Test(keyset, a_current_key_wrapped_under_a_missing_master_key_is_named)
{
	struct keyset_row rows[] = {row_of(keys[JWT_RS256], false), row_of(keys[JWT_ES256], true)};

	rows[1].wrap_key_id = STR("k0");
	refused(rows, 2, ERR_KEY_MISSING, rows[1].kid);
}

Test(keyset, a_current_key_that_can_t_be_opened_still_verifies)
{
	struct keyset_row row = row_of(keys[JWT_ES256], true);

	row.wrap_key_id = STR("k0");
	struct keyset *set = damaged(&row, 1, ERR_KEY_MISSING, row.kid);
	struct jwt token = parsed(signed_token(keys[JWT_ES256], false, "{}"));
	cr_assert_eq(jwt_verify(keyset_find(set, row.kid), &token), ERR_OK);
	cr_assert_not(signing_key_is_private(keyset_find(set, row.kid)));
	keyset_free(set);
}

Test(keyset, a_damaged_row_takes_no_other_with_it)
{
	struct keyset_row rows[] = {row_of(keys[JWT_RS256], false), row_of(keys[JWT_ES256], true)};

	rows[0].public_jwk = STR("{");
	struct keyset *set = damaged(rows, 2, ERR_MALFORMED, rows[0].kid);
	struct sbuf want = sbuf_in(arena, 2048);
	sbuf_printf(&want, "{\"keys\":[%.*s]}", STR_ARG(rows[1].public_jwk));
	cr_assert_not_null(keyset_current(set));
	cr_assert_null(keyset_find(set, rows[0].kid));
	cr_assert(str_eq(keyset_jwks(set), sbuf_str(&want)));
	keyset_free(set);
}

Test(keyset, a_missing_master_key_is_the_fault_that_counts)
{
	struct keyset_row rows[] = {row_of(keys[JWT_RS256], false), row_of(keys[JWT_ES256], true)};

	rows[0].public_jwk = STR("{");
	rows[1].wrap_key_id = STR("k0");
	refused(rows, 2, ERR_KEY_MISSING, rows[1].kid);
}

Test(keyset, damaged_rows_are_named)
{
	struct keyset_row good = row_of(keys[JWT_ES256], true), other = row_of(keys[JWT_RS256], true);
	struct keyset_row row = good;

	row.alg = STR("HS256");
	refused(&row, 1, ERR_MALFORMED, good.kid);
	row.alg = STR("RS256");
	refused(&row, 1, ERR_MISMATCH, good.kid);
	row = good;
	row.public_jwk = STR("{}");
	refused(&row, 1, ERR_MALFORMED, good.kid);
	row.public_jwk = str_of(rfc7515_ec_jwk); /* a sound key under the wrong name */
	refused(&row, 1, ERR_MISMATCH, good.kid);
	row = good;
	row.wrapped = other.wrapped;
	refused(&row, 1, ERR_MISMATCH, good.kid);
	row.wrapped = STR("");
	refused(&row, 1, ERR_MISMATCH, good.kid);
	row = good;
	cr_assert_eq(key_wrap(arena, &ring.keys[0], row.kid, STR("no key"), &row.wrapped), ERR_OK);
	refused(&row, 1, ERR_MALFORMED, good.kid);
}

Test(keyset, another_private_key_wrapped_under_the_rows_name_is_refused)
{
	struct keyset_row row = row_of(keys[JWT_ES256], true);
	struct signing_key *other;
	struct str der;

	cr_assert_eq(signing_key_generate(JWT_ES256, &other), ERR_OK);
	cr_assert_eq(signing_key_to_der(other, arena, &der), ERR_OK);
	cr_assert_eq(key_wrap(arena, &ring.keys[0], row.kid, der, &row.wrapped), ERR_OK);
	refused(&row, 1, ERR_MISMATCH, row.kid);
	signing_key_free(other);
}

Test(keyset, of_two_current_rows_the_first_signs)
{
	struct keyset_row rows[] = {row_of(keys[JWT_RS256], true), row_of(keys[JWT_ES256], true)};
	struct keyset *set = damaged(rows, 2, ERR_MISMATCH, rows[1].kid);

	cr_assert(str_eq(signing_key_kid(keyset_current(set)), rows[0].kid));
	keyset_free(set);
}

/* ---- without memory ---- */

/* Before OpenSSL's first allocation. */
__attribute__((constructor)) static void count_failures(void)
{
	crypto_count_failures();
}

/* A row that there was no memory for is read again; a damaged one isn't until it changes. */
static void no_row_looks_damaged_without_memory(enum jwt_alg alg, unsigned stride)
{
	const struct keyset_row row = row_of(keys[alg], true);
	bool failed = true;
	unsigned before = 0;

	for (; failed; before += stride) {
		struct keyset *set = NULL;
		struct keyset_fault fault = {.err = ERR_OK};
		memory_fail_after(before);
		enum err err = keyset_build(&ring, SIGNING_MULTI_BUFFER, &row, 1, 42, &set, &fault);
		failed = memory_end();
		cr_assert_eq(err, failed ? ERR_NO_MEMORY : ERR_OK, "%s behind %u allocations: %s, and the row: %s", jwt_alg_name(alg),
			     before, err_info(err)->code, err_info(fault.err)->code);
		cr_assert_eq(fault.err, ERR_OK);
		cr_assert_eq(set == NULL, failed);
		keyset_free(set);
	}
	cr_assert_gt(before, 100 + stride, "OpenSSL's allocations come by: %s has %u", jwt_alg_name(alg), before);
}

Test(keyset, a_lack_of_memory_is_no_damage)
{
	no_row_looks_damaged_without_memory(JWT_ES256, 37);
	no_row_looks_damaged_without_memory(JWT_EDDSA, 37);
	no_row_looks_damaged_without_memory(JWT_RS256, 83);
}
