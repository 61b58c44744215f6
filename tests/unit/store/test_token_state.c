/* Introspections that travel together, against a connection that obeys the test. */
#include <criterion/criterion.h>
#include <event2/event.h>

#include "crypto/digest.h"
#include "store/store_seam.h"
#include "store/token_state.h"
#include "unit/store/fake_conn.h"

static struct pg_conn issuing, serving;
static struct config config;
static struct event_base *loop;
static struct store *store;
static struct store_seam seam;
static const struct origin origin = {.transport = 'r'};
static enum err told[2];
static unsigned told_n;

static void up(void)
{
	cr_assert_eq(crypto_init(), ERR_OK);
	config.queue_max = 4;
	config.request_timeout_ms = 1000;
	loop = event_base_new();
	store = store_seam_new(loop, &config, &issuing, &serving, &seam);
	cr_assert_not_null(store);
}

static void down(void)
{
	store_seam_free(store);
	event_base_free(loop);
	crypto_fini();
}

TestSuite(introspections, .init = up, .fini = down);

static void tell(void *arg, enum err err, const struct token_answer *answer)
{
	(void)arg;
	cr_assert_null(answer);
	told[told_n++] = err;
}

static void ask(void)
{
	static uint8_t verifier[SHA256_LEN];
	const struct token_caller caller = {
		.client_id = STR("m2m_000000000000000000000A"), .verifiers = str_from(verifier, sizeof verifier), .origin = &origin};
	const struct presented_token token = {.kid = STR_NONE};
	cr_assert_eq(token_introspect(store, &caller, &token, tell, NULL), ERR_OK);
}

/* What a client may take again is told from what it may not. */
Test(introspections, of_a_full_connection_the_answer_is_overloaded)
{
	serving.full = true;
	ask();
	ask();
	event_base_loop(loop, EVLOOP_NONBLOCK);
	cr_assert_eq(told_n, 2);
	cr_assert_eq(told[0], ERR_OVERLOADED);
	cr_assert_eq(told[1], ERR_OVERLOADED);
}

Test(introspections, of_one_that_is_going_down_it_is_unavailable)
{
	serving.refuses = true;
	ask();
	event_base_loop(loop, EVLOOP_NONBLOCK);
	cr_assert_eq(told_n, 1);
	cr_assert_eq(told[0], ERR_STORE_UNAVAILABLE);
}
