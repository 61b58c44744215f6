/* The whole of it on files and on an address where nobody answers; tests/e2e/test_issuers.c has
 * real HTTPS. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "trust/trust.h"

static char dir[] = "/tmp/m2m-trust.XXXXXX", list_path[64], keys_path[64];
static struct config config;
static struct arena *arena;
static struct event_base *base;
static struct trust *trust;
static struct trust_view *view;
static struct signing_key *key;

static void write_file(const char *path, const char *text)
{
	char next[80];
	snprintf(next, sizeof next, "%s.next", path);
	FILE *f = fopen(next, "w");
	cr_assert(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
	cr_assert_eq(rename(next, path), 0);
}

static struct str key_set(const struct signing_key *k)
{
	struct sbuf out = sbuf_in(arena, 1024);
	sbuf_putz(&out, "{\"keys\":[");
	cr_assert_eq(signing_key_public_jwk(k, &out), ERR_OK);
	sbuf_putz(&out, "]}");
	return sbuf_str(&out);
}

static const char *list_with(const char *source)
{
	return arena_printf(arena, "[{\"issuer\":\"https://a.test\",\"audience\":\"x\",\"organization_claim\":\"o\",%s}]", source).p;
}

static void open_trust(const char *list)
{
	struct sbuf why = sbuf_in(arena, 1024);
	write_file(list_path, list);
	config.trusted_issuers = str_of(list);
	config.trusted_issuers_path = str_of(list_path);
	config.issuer = STR("https://ours.test");
	cr_assert_eq(trust_open(&config, &trust, &why), ERR_OK, "%s", why.p);
	cr_assert_eq(trust_start(trust), ERR_OK);
	view = trust_view_new(trust, base);
	cr_assert_not_null(view);
}

static void up(void)
{
	arena = arena_new(1 << 20);
	cr_assert_eq(crypto_init(), ERR_OK);
	cr_assert_not_null(mkdtemp(dir));
	snprintf(list_path, sizeof list_path, "%s/issuers.json", dir);
	snprintf(keys_path, sizeof keys_path, "%s/keys.json", dir);
	base = event_base_new();
	cr_assert_eq(signing_key_generate(JWT_ES256, &key), ERR_OK);
	log_set_level(LOG_ERROR);
}

static void down(void)
{
	trust_view_free(view);
	trust_close(trust);
	event_base_free(base);
	signing_key_free(key);
	unlink(list_path);
	unlink(keys_path);
	rmdir(dir);
	arena_free(arena);
	crypto_fini();
}

TestSuite(trust, .init = up, .fini = down, .timeout = 60);

static enum err find(const struct signing_key *wanted)
{
	struct signing_key *found = NULL;
	const struct trust_issuer *issuer = trust_find_issuer(view, STR("https://a.test"), STR_NONE);
	return issuer == NULL ? ERR_NOT_FOUND : trust_find_key(view, issuer, signing_key_kid(wanted), &found);
}

static bool becomes(enum err want, const struct signing_key *wanted)
{
	for (int64_t end = clock_mono_us() + 10000000; clock_mono_us() < end; usleep(20000))
		if (find(wanted) == want)
			return true;
	return false;
}

Test(trust, keys_of_a_file_are_there_before_the_first_request)
{
	write_file(keys_path, key_set(key).p);
	open_trust(list_with(arena_printf(arena, "\"jwks_file\":\"%s\"", keys_path).p));
	cr_assert_eq(find(key), ERR_OK);
	cr_assert_null(trust_find_issuer(view, STR("https://b.test"), STR_NONE));
}

Test(trust, a_file_that_comes_later_changes_or_breaks_is_followed)
{
	struct signing_key *next = NULL;
	open_trust(list_with(arena_printf(arena, "\"jwks_file\":\"%s\"", keys_path).p));
	cr_assert_eq(find(key), ERR_ISSUER_UNAVAILABLE);
	write_file(keys_path, key_set(key).p);
	cr_assert(becomes(ERR_OK, key));
	write_file(keys_path, "{\"keys\":");
	usleep(1200000);
	cr_assert_eq(find(key), ERR_OK, "what can't be understood changes nothing");
	cr_assert_eq(signing_key_generate(JWT_EDDSA, &next), ERR_OK);
	write_file(keys_path, key_set(next).p);
	cr_assert(becomes(ERR_OK, next));
	cr_assert_eq(find(key), ERR_NOT_PRESENT);
	unlink(keys_path);
	usleep(1200000);
	cr_assert_eq(find(next), ERR_OK, "a file that went away takes nothing with it");
	signing_key_free(next);
}

static enum err told = ERR_INTERNAL;
static unsigned calls;

static void on_done(void *arg, enum err err)
{
	calls++;
	told = err;
	if (arg != NULL)
		event_base_loopbreak(arg);
}

Test(trust, who_waits_for_an_issuer_that_can_t_be_reached_is_told_in_time)
{
	open_trust(list_with("\"jwks_url\":\"https://127.0.0.1:9/keys\""));
	const struct trust_issuer *issuer = trust_find_issuer(view, STR("https://a.test"), STR_NONE);
	struct signing_key *found = NULL;
	enum err err = trust_find_key(view, issuer, STR("k"), &found);
	cr_assert(err == ERR_AGAIN || err == ERR_ISSUER_UNAVAILABLE);
	cr_assert_eq(trust_wait(view, issuer, on_done, base), ERR_OK);
	event_base_dispatch(base);
	cr_assert_eq(calls, 1);
	cr_assert_eq(told, ERR_OK);
	cr_assert_eq(trust_find_key(view, issuer, STR("k"), &found), ERR_ISSUER_UNAVAILABLE);
}

Test(trust, a_fetch_under_way_is_given_up_at_once_and_its_waiters_told)
{
	/* RFC 5737: nobody answers there */
	open_trust(list_with("\"jwks_url\":\"https://192.0.2.1/keys\""));
	const struct trust_issuer *issuer = trust_find_issuer(view, STR("https://a.test"), STR_NONE);
	cr_assert_eq(trust_wait(view, issuer, on_done, NULL), ERR_OK);
	int64_t before = clock_mono_us();
	trust_view_free(view);
	view = NULL;
	cr_assert_eq(calls, 1);
	trust_close(trust);
	trust = NULL;
	cr_assert_lt(clock_mono_us() - before, 2500000);
}

Test(trust, without_a_list_nobody_is_trusted_and_nothing_runs)
{
	struct sbuf why = sbuf_in(arena, 256);
	cr_assert_eq(trust_open(&config, &trust, &why), ERR_OK);
	cr_assert_eq(trust_start(trust), ERR_OK);
	view = trust_view_new(trust, base);
	cr_assert_null(trust_find_issuer(view, STR("https://a.test"), STR_NONE));
}
