/* What a writer's seals say of each other and of the rows, whatever became of the statements
 * that carried them. */
#include <criterion/criterion.h>

#include "sql/audit_writer.h"

static struct audit_writer *writer;
static struct arena *arena;
static struct master_ring ring;
static struct hasher *hasher;

static void up(void)
{
	cr_assert_eq(crypto_init(), ERR_OK);
	arena = arena_new(1 << 20);
	hasher = hasher_new();
	cr_assert_eq(master_ring_parse(STR("k1: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"), &ring, NULL), ERR_OK);
	cr_assert_eq(audit_writer_new(&ring.keys[0], 4, &writer), ERR_OK);
}

static void down(void)
{
	audit_writer_free(writer);
	hasher_free(hasher);
	arena_free(arena);
	crypto_fini();
}

TestSuite(audit_writer, .init = up, .fini = down);

/* A seal as it went out. */
struct sent {
	struct audit_seal seal;
	bool previous_at_null, batch_null, sealed_null;
	uint8_t hash[SHA256_LEN];
};

static struct sent prepared(enum audit_seal_kind kind)
{
	struct pg_params p;
	struct sent s = {.seal = {.version = AUDIT_SEAL_VERSION}};
	cr_assert_eq(audit_writer_prepare(writer, kind), ERR_OK);
	pg_params_init(&p, arena);
	audit_writer_put(writer, &p);
	cr_assert(pg_params_ok(&p) && p.n == 11);
	memcpy(s.seal.writer.b, p.values[0], 16);
	uint64_t seq;
	memcpy(&seq, p.values[1], sizeof seq);
	s.seal.seq = __builtin_bswap64(seq);
	memcpy(s.seal.previous, p.values[2], SHA256_LEN);
	s.previous_at_null = p.values[3] == NULL;
	if (!s.previous_at_null) {
		uint64_t at;
		memcpy(&at, p.values[3], sizeof at);
		s.seal.previous_at = (int64_t)__builtin_bswap64(at) + UNIX_TO_PG_EPOCH_US;
	}
	s.batch_null = p.values[4] == NULL;
	if (!s.batch_null)
		memcpy(s.seal.batch_id.b, p.values[4], 16);
	s.sealed_null = p.values[5] == NULL;
	if (!s.sealed_null)
		memcpy(s.seal.sealed_batch.b, p.values[5], 16);
	memcpy(s.seal.root, p.values[6], SHA256_LEN);
	s.seal.tags = arena_copy(arena, str_from(p.values[7], (size_t)p.lengths[7]));
	s.seal.last = *p.values[8] != 0;
	cr_assert_eq(audit_seal_hash(hasher, &s.seal, s.hash), ERR_OK);

	struct signing_key *key;
	cr_assert_eq(audit_key_derive(&ring.keys[0], &key), ERR_OK);
	cr_expect_eq(audit_seal_verify(key, s.hash, str_from(p.values[10], (size_t)p.lengths[10])), ERR_OK,
		     "what went out is what was signed");
	signing_key_free(key);
	return s;
}

static void add_rows(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		audit_writer_row(writer, &(struct audit_row){.jti = {{[15] = (uint8_t)i}},
							     .client_id = STR("c"),
							     .kid = STR("k"),
							     .caller = STR("c"),
							     .scope = STR(""),
							     .audience = STR("a")});
}

#define expect_same(a, b)  cr_expect_eq(memcmp(&(a), &(b), sizeof(a)), 0, #a " and " #b)
#define expect_other(a, b) cr_expect_neq(memcmp(&(a), &(b), sizeof(a)), 0, #a " and " #b)

Test(audit_writer, each_seal_names_the_one_before_and_seals_its_rows)
{
	struct sent one = prepared(SEAL_WITH_BATCH);
	cr_expect(one.previous_at_null && one.sealed_null && !one.batch_null && one.seal.seq == 1);
	audit_writer_stored(writer, 1000);
	add_rows(3);
	struct sent two = prepared(SEAL_WITH_BATCH);
	expect_same(two.seal.writer, one.seal.writer);
	expect_same(two.seal.previous, one.hash);
	expect_same(two.seal.sealed_batch, one.seal.batch_id);
	expect_other(two.seal.batch_id, one.seal.batch_id);
	cr_expect(two.seal.seq == 2 && two.seal.previous_at == 1000 && two.seal.tags.n == (size_t)3 * AUDIT_TAG_LEN);
	audit_writer_stored(writer, 2000);
	struct sent three = prepared(SEAL_ALONE);
	expect_same(three.seal.previous, two.hash);
	expect_same(three.seal.sealed_batch, two.seal.batch_id);
	cr_expect(three.batch_null && three.seal.tags.n == 0, "nothing was granted");
	audit_writer_stored(writer, 3000);
	cr_expect_not(audit_writer_behind(writer));
	struct sent four = prepared(SEAL_WITH_BATCH);
	cr_expect(four.sealed_null && four.seal.seq == 4 && four.seal.previous_at == 3000);
}

Test(audit_writer, a_seal_that_waits_is_the_one_that_goes_unless_another_kind_is_wanted)
{
	struct sent one = prepared(SEAL_WITH_BATCH), same = prepared(SEAL_WITH_BATCH);
	expect_same(one.hash, same.hash);
	audit_writer_stored(writer, 1000);
	add_rows(2);
	struct sent waiting = prepared(SEAL_WITH_BATCH), alone = prepared(SEAL_ALONE), again = prepared(SEAL_WITH_BATCH);
	cr_expect(alone.batch_null && alone.seal.seq == waiting.seal.seq);
	expect_same(alone.seal.root, waiting.seal.root);
	expect_same(again.seal.root, waiting.seal.root);
}

/* The lost statement's own rows are its announced batch, if it was stored; what it should have
 * sealed is sealed by its successor, as often as it takes. */
Test(audit_writer, after_a_lost_statement_another_writer_goes_on_from_what_is_stored)
{
	struct sent one = prepared(SEAL_WITH_BATCH);
	audit_writer_stored(writer, 1000);
	add_rows(2);
	struct sent lost = prepared(SEAL_WITH_BATCH);
	for (int again = 0; again < 3; again++) {
		audit_writer_lost(writer);
		struct sent next = prepared(SEAL_WITH_BATCH);
		cr_expect_eq(next.seal.seq, 1);
		expect_other(next.seal.writer, lost.seal.writer);
		expect_same(next.seal.previous, one.hash);
		expect_same(next.seal.sealed_batch, one.seal.batch_id);
		expect_same(next.seal.root, lost.seal.root);
		cr_expect_eq(next.seal.previous_at, 1000);
		lost = next;
	}
	audit_writer_stored(writer, 2000);
	add_rows(1);
	struct sent after = prepared(SEAL_WITH_BATCH);
	expect_same(after.seal.previous, lost.hash);
	expect_same(after.seal.sealed_batch, lost.seal.batch_id);
	cr_expect_eq(after.seal.seq, 2);
}

Test(audit_writer, after_its_last_seal_a_writer_is_another_one)
{
	struct sent one = prepared(SEAL_WITH_BATCH);
	audit_writer_stored(writer, 1000);
	add_rows(1);
	struct sent last = prepared(SEAL_LAST);
	cr_expect(last.seal.last && last.batch_null);
	expect_same(last.seal.sealed_batch, one.seal.batch_id);
	audit_writer_stored(writer, 2000);
	cr_expect(!audit_writer_behind(writer) && !audit_writer_began(writer));
	struct sent next = prepared(SEAL_WITH_BATCH);
	expect_other(next.seal.writer, one.seal.writer);
	expect_same(next.seal.previous, last.hash);
}

Test(audit_writer, a_batch_with_a_row_that_can_not_be_hashed_stays_unsealed_and_the_next_does_not)
{
	prepared(SEAL_WITH_BATCH);
	audit_writer_stored(writer, 1000);
	add_rows(1);
	audit_writer_row(writer, &(struct audit_row){.remote_addr = STR("nowhere")});
	struct sent two = prepared(SEAL_WITH_BATCH);
	cr_expect(two.sealed_null && two.seal.tags.n == 0);
	audit_writer_stored(writer, 2000);
	add_rows(5); /* one more than there is room for */
	struct sent three = prepared(SEAL_WITH_BATCH);
	cr_expect(three.sealed_null);
	audit_writer_stored(writer, 3000);
	add_rows(4);
	struct sent four = prepared(SEAL_WITH_BATCH);
	expect_same(four.seal.sealed_batch, three.seal.batch_id);
	cr_expect_eq(four.seal.tags.n, (size_t)4 * AUDIT_TAG_LEN);
}
