/* Parameters against the bytes of PostgreSQL's binary format (src/backend/utils/adt: array_send,
 * int8send, ...), columns against results that libpq made. */
#include <criterion/criterion.h>

#include "sql/pg_value.h"

static struct arena *arena;
static struct pg_params params;

static void up(void)
{
	arena = arena_new(1 << 16);
	cr_assert_not_null(arena);
	pg_params_init(&params, arena);
}

static void down(void)
{
	arena_free(arena);
}

TestSuite(pg_value, .init = up, .fini = down);

static void last_is(Oid type, struct str want)
{
	int i = params.n - 1;
	cr_assert(pg_params_ok(&params));
	cr_assert_eq(params.types[i], type);
	cr_assert_eq(params.formats[i], 1, "binary");
	if (want.p == NULL) {
		cr_assert_null(params.values[i]);
		return;
	}
	cr_assert_eq(params.lengths[i], (int)want.n);
	cr_assert_arr_eq(params.values[i], want.p, want.n);
}

/* ---- parameters ---- */

Test(pg_value, scalars_travel_big_endian)
{
	const struct uuid u = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255}};
	pg_put_int4(&params, 0x01020304);
	last_is(23, STR("\1\2\3\4"));
	pg_put_int4(&params, -2);
	last_is(23, STR("\xff\xff\xff\xfe"));
	pg_put_int8(&params, INT64_C(0x0102030405060708));
	last_is(20, STR("\1\2\3\4\5\6\7\10"));
	pg_put_int8(&params, INT64_MIN);
	last_is(20, STR("\x80\0\0\0\0\0\0\0"));
	pg_put_bool(&params, true);
	last_is(16, STR("\1"));
	pg_put_bool(&params, false);
	last_is(16, STR("\0"));
	pg_put_char(&params, 'r');
	last_is(18, STR("r"));
	pg_put_uuid(&params, &u);
	last_is(2950, str_from(u.b, 16));
	pg_put_text(&params, STR("caf\xc3\xa9 'quoted'"));
	last_is(25, STR("caf\xc3\xa9 'quoted'"));
	pg_put_bytea(&params, STR("a\0b"));
	last_is(17, STR("a\0b"));
	pg_put_raw(&params, 869, STR("\2\x20\0\4\x7f\0\0\1"));
	last_is(869, STR("\2\x20\0\4\x7f\0\0\1"));
	cr_assert_eq(params.n, 11);
}

Test(pg_value, what_is_absent_is_null_and_what_is_empty_is_not)
{
	pg_put_text(&params, STR_NONE);
	last_is(25, STR_NONE);
	pg_put_text(&params, STR(""));
	last_is(25, STR(""));
	pg_put_bytea(&params, STR_NONE);
	last_is(17, STR_NONE);
	pg_put_uuid(&params, NULL);
	last_is(2950, STR_NONE);
	pg_put_int4_or_null(&params, 7, true);
	last_is(23, STR_NONE);
	pg_put_int4_or_null(&params, 7, false);
	last_is(23, STR("\0\0\0\7"));
}

Test(pg_value, an_array_is_dimensions_nulls_type_length_bound_and_elements)
{
	const struct str text[] = {STR("ab"), STR_NONE, STR("")};
	pg_put_array(&params, PG_TEXT, text, 3);
	last_is(1009, STR("\0\0\0\1" /* one dimension */ "\0\0\0\1" /* may hold nulls */ "\0\0\0\x19" /* of text */
			  "\0\0\0\3" /* three elements */ "\0\0\0\1"                                  /* counted from one */
			  "\0\0\0\2"
			  "ab"
			  "\xff\xff\xff\xff"
			  "\0\0\0\0"));
	const struct str numbers[] = {STR("\0\0\0\7"), STR("\xff\xff\xff\xff")};
	pg_put_array(&params, PG_INT4, numbers, 2);
	last_is(1007, STR("\0\0\0\1"
			  "\0\0\0\1"
			  "\0\0\0\x17"
			  "\0\0\0\2"
			  "\0\0\0\1"
			  "\0\0\0\4"
			  "\0\0\0\7"
			  "\0\0\0\4"
			  "\xff\xff\xff\xff"));
}

Test(pg_value, an_empty_array_has_no_dimension)
{
	pg_put_array(&params, PG_UUID, NULL, 0);
	last_is(2951, STR("\0\0\0\0"
			  "\0\0\0\1"
			  "\0\0\x0b\x86"));
}

/* server/catalog/pg_type.dat */
Test(pg_value, every_element_type_has_its_array_type)
{
	static const struct {
		enum pg_oid element;
		Oid array;
	} types[] = {{PG_BOOL, 1000}, {PG_BYTEA, 1001}, {PG_CHAR, 1002},        {PG_INT4, 1007},
		     {PG_TEXT, 1009}, {PG_INT8, 1016},  {PG_TIMESTAMPTZ, 1185}, {PG_UUID, 2951}};
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		pg_put_array(&params, types[i].element, NULL, 0);
		cr_assert_eq(params.types[i], types[i].array);
	}
}

Test(pg_value, too_many_parameters_are_noticed)
{
	for (int i = 0; i < PG_PARAMS_MAX; i++)
		pg_put_bool(&params, true);
	cr_assert(pg_params_ok(&params));
	pg_put_bool(&params, true);
	cr_assert_not(pg_params_ok(&params));
	pg_put_bool(&params, true);
	cr_assert_not(pg_params_ok(&params));
}

Test(pg_value, a_full_arena_is_noticed)
{
	struct arena *small = arena_new(16);
	const struct str v[] = {STR("0123456789"), STR("0123456789")};
	pg_params_init(&params, small);
	pg_put_array(&params, PG_TEXT, v, 2);
	cr_assert_not(pg_params_ok(&params));
	arena_free(small);
}

/* ---- results ---- */

/* One row of one column, as it came from the server; absent: null. */
static PGresult *row_of(struct str value)
{
	static char name[] = "v";
	PGresAttDesc column = {.name = name, .format = 1, .typid = 25, .typlen = -1, .atttypmod = -1};
	PGresult *r = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	cr_assert_eq(PQsetResultAttrs(r, 1, &column), 1);
	char bytes[256];
	if (value.n > 0)
		memcpy(bytes, value.p, value.n);
	cr_assert_eq(PQsetvalue(r, 0, 0, value.p == NULL ? NULL : bytes, value.p == NULL ? -1 : (int)value.n), 1);
	return r;
}

/* The parameter that was put last, come back as a column. */
static PGresult *echo(void)
{
	int i = params.n - 1;
	return row_of(str_from(params.values[i], (size_t)params.lengths[i]));
}

Test(pg_value, numbers_come_back_as_they_went)
{
	static const int64_t values[] = {0, 1, -1, 255, 256, INT32_MAX, INT32_MIN};
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		pg_put_int4(&params, (int32_t)values[i]);
		PG_RESULT four = echo();
		cr_assert_eq(pg_int4(four, 0, 0), (int32_t)values[i]);
		cr_assert_eq(pg_int8(four, 0, 0), 0, "of another width");
		pg_put_int8(&params, values[i] * (1 << 20));
		PG_RESULT eight = echo();
		cr_assert_eq(pg_int8(eight, 0, 0), values[i] * (1 << 20));
		cr_assert_eq(pg_int4(eight, 0, 0), 0, "of another width");
	}
}

Test(pg_value, the_rest_comes_back_as_it_went)
{
	const struct uuid u = {{0xde, 0xad, [15] = 0xef}};
	pg_put_uuid(&params, &u);
	PG_RESULT id = echo();
	struct uuid got = pg_uuid(id, 0, 0);
	cr_assert_arr_eq(got.b, u.b, 16);
	pg_put_bool(&params, true);
	PG_RESULT yes = echo();
	cr_assert(pg_bool(yes, 0, 0));
	pg_put_bool(&params, false);
	PG_RESULT no = echo();
	cr_assert_not(pg_bool(no, 0, 0));
	pg_put_bytea(&params, STR("a\0b"));
	PG_RESULT bytes = echo();
	cr_assert(str_eq(pg_str(bytes, 0, 0), STR("a\0b")));
}

Test(pg_value, null_reads_as_nothing)
{
	static const uint8_t zeros[16];
	PG_RESULT r = row_of(STR_NONE);
	cr_assert(pg_is_null(r, 0, 0));
	cr_assert_null(pg_str(r, 0, 0).p);
	cr_assert_eq(pg_int4(r, 0, 0), 0);
	cr_assert_eq(pg_int8(r, 0, 0), 0);
	cr_assert_not(pg_bool(r, 0, 0));
	struct uuid u = pg_uuid(r, 0, 0);
	cr_assert_arr_eq(u.b, zeros, 16);
}

Test(pg_value, an_empty_text_is_not_null)
{
	PG_RESULT r = row_of(STR(""));
	cr_assert_not(pg_is_null(r, 0, 0));
	cr_assert(str_eq(pg_str(r, 0, 0), STR("")));
}

static int64_t time_of(struct str wire)
{
	PG_RESULT r = row_of(wire);
	return pg_time_us(r, 0, 0);
}

Test(pg_value, times_count_from_2000_on_the_wire_and_from_1970_here)
{
	cr_assert_eq(time_of(STR("\0\0\0\0\0\0\0\0")), INT64_C(946684800000000));
	cr_assert_eq(time_of(STR("\0\0\0\0\0\0\0\1")), INT64_C(946684800000001));
	cr_assert_eq(time_of(STR("\xff\xff\xff\xff\xff\xff\xff\xff")), INT64_C(946684799999999));
	cr_assert_eq(time_of(STR("\x80\0\0\0\0\0\0\0")), INT64_MIN);
	cr_assert_eq(time_of(STR("\x7f\xff\xff\xff\xff\xff\xff\xff")), INT64_MAX);
}

static void joined(struct str wire, struct str want)
{
	PG_RESULT r = row_of(wire);
	struct str got = pg_text_array_joined(r, 0, 0, arena);
	cr_assert(str_eq(got, want), "got '%.*s'", STR_ARG(got));
}

Test(pg_value, a_text_array_reads_as_words)
{
	const struct str words[] = {STR("api"), STR("read:users"), STR("x")};
	pg_put_array(&params, PG_TEXT, words, 3);
	joined(str_from(params.values[0], (size_t)params.lengths[0]), STR("api read:users x"));
	pg_put_array(&params, PG_TEXT, words, 1);
	joined(str_from(params.values[1], (size_t)params.lengths[1]), STR("api"));
	pg_put_array(&params, PG_TEXT, words, 0);
	joined(str_from(params.values[2], (size_t)params.lengths[2]), STR(""));
	joined(STR_NONE, STR(""));
}

#define ONE_WORD                                                                                                                           \
	"\0\0\0\1"                                                                                                                         \
	"\0\0\0\0"                                                                                                                         \
	"\0\0\0\x19"
Test(pg_value, a_broken_array_is_not_read_beyond_its_end)
{
	joined(STR(ONE_WORD "\0\0\0\2"
			    "\0\0\0\1"
			    "\0\0\0\3"
			    "abc"),
	       STR("abc"));
	joined(STR(ONE_WORD "\0\0\0\1"
			    "\0\0\0\1"
			    "\0\0\0\4"
			    "abc"),
	       STR(""));
	joined(STR(ONE_WORD "\0\0\0\1"
			    "\0\0\0\1"
			    "\0\0"),
	       STR(""));
	joined(STR(ONE_WORD "\xff\xff\xff\xff"
			    "\0\0\0\1"),
	       STR(""));
	joined(STR(ONE_WORD "\0\0\0\1"
			    "\0\0\0\1"
			    "\xff\xff\xff\xff"),
	       STR(""));
}

static enum err err_of(ExecStatusType status)
{
	PG_RESULT r = PQmakeEmptyPGresult(NULL, status);
	return pg_err(r);
}

Test(pg_value, a_result_that_never_came_is_the_connection_s_fault)
{
	cr_assert_eq(err_of(PGRES_COMMAND_OK), ERR_OK);
	cr_assert_eq(err_of(PGRES_TUPLES_OK), ERR_OK);
	cr_assert_eq(err_of(PGRES_PIPELINE_ABORTED), ERR_STORE_UNAVAILABLE);
	cr_assert_eq(err_of(PGRES_FATAL_ERROR), ERR_STORE_UNAVAILABLE, "without an SQLSTATE it is libpq's own");
	cr_assert_eq(pg_err(NULL), ERR_STORE_UNAVAILABLE);
}
