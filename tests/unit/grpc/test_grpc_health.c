/* What health's clients are told, and that no list breaks when they go away in the middle. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "grpc/health/v1/health.pb-c.h"
#include "unit/grpc/fake_call.h"

enum { OK = 0, NOT_FOUND = 5, RESOURCE_EXHAUSTED = 8, INTERNAL = 13, UNAVAILABLE = 14 };
enum {
	SERVING = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING,
	NOT_SERVING = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING,
	SERVICE_UNKNOWN = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN,
};

TestSuite(grpc_health, .init = fake_up, .fini = fake_down);

static struct grpc_call *open_call(const char *method)
{
	char path[64];
	snprintf(path, sizeof path, "/grpc.health.v1.Health/%s", method);
	return fake_call_open(grpc_health_methods, grpc_health_methods_n, path);
}

static void ask(struct grpc_call *call, const char *service)
{
	Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
	uint8_t packed[128];
	request.service = (char *)service;
	cr_assert_leq(grpc__health__v1__health_check_request__get_packed_size(&request), sizeof packed);
	size_t n = grpc__health__v1__health_check_request__pack(&request, packed);
	fake_call_message(call, str_from(packed, n));
}

static struct grpc_call *check(const char *service)
{
	struct grpc_call *call = open_call("Check");
	ask(call, service);
	return call;
}

static struct grpc_call *watch(const char *service)
{
	struct grpc_call *call = open_call("Watch");
	ask(call, service);
	return call;
}

static int said(const struct grpc_call *call, size_t i)
{
	cr_assert_lt(i, call->sent_n);
	Grpc__Health__V1__HealthCheckResponse *response =
		grpc__health__v1__health_check_response__unpack(NULL, call->sent[i].n, (const uint8_t *)call->sent[i].p);
	cr_assert_not_null(response);
	int status = (int)response->status;
	grpc__health__v1__health_check_response__free_unpacked(response, NULL);
	return status;
}

static void was_told(const struct grpc_call *call, size_t n, int last)
{
	cr_assert_eq(call->sent_n, n, "%zu messages", call->sent_n);
	cr_assert_eq(said(call, n - 1), last);
}

Test(grpc_health, a_server_does_not_serve_before_it_says_so)
{
	struct grpc_call *call = check("");
	was_told(call, 1, NOT_SERVING);
	cr_assert_eq(call->status, OK);
}

Test(grpc_health, check_answers_for_the_server_and_for_its_service)
{
	static const char *const services[] = {"", "m2m.v1.M2MClients"};
	for (int i = 0; i < 2; i++) {
		grpc_health_set(&fake_server.health, true);
		struct grpc_call *call = check(services[i]);
		was_told(call, 1, SERVING);
		cr_assert_eq(call->status, OK);
		grpc_health_set(&fake_server.health, false);
		was_told(check(services[i]), 1, NOT_SERVING);
	}
}

Test(grpc_health, check_of_an_unknown_service_is_not_found)
{
	static const char *const services[] = {"m2m.v1", "m2m.v1.m2mclients", "m2m.v1.M2MClients.", "grpc.health.v1.Health"};
	for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
		struct grpc_call *call = check(services[i]);
		cr_assert_eq(call->status, NOT_FOUND, "%s", services[i]);
		cr_assert_eq(call->sent_n, 0);
	}
}

Test(grpc_health, an_empty_message_asks_for_the_server)
{
	struct grpc_call *call = open_call("Check");
	fake_call_message(call, STR(""));
	was_told(call, 1, NOT_SERVING);
}

Test(grpc_health, a_message_that_is_no_request_is_refused)
{
	static const struct str messages[] = {
		STR("\x0a\x05"
		    "abc"),              /* shorter than it says */
		STR("\x0a\x01\xff"),     /* not UTF-8 */
		STR("\x0a\x02m\0"),      /* a NUL */
		STR("\x08\x01"),         /* the wrong type */
		STR("\xff\xff\xff\xff"), /* no tag */
	};
	static const char *const methods[] = {"Check", "Watch"};
	for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++)
		for (int j = 0; j < 2; j++) {
			struct grpc_call *call = open_call(methods[j]);
			fake_call_message(call, messages[i]);
			cr_assert_eq(call->status, INTERNAL, "%s %zu", methods[j], i);
			cr_assert_eq(call->sent_n, 0);
		}
	cr_assert(list_empty(&fake_server.health.watchers));
}

Test(grpc_health, watch_tells_at_once_and_then_each_change)
{
	struct grpc_call *server = watch(""), *service = watch("m2m.v1.M2MClients");
	was_told(server, 1, NOT_SERVING);
	grpc_health_set(&fake_server.health, true);
	was_told(server, 2, SERVING);
	was_told(service, 2, SERVING);
	grpc_health_set(&fake_server.health, false);
	was_told(server, 3, NOT_SERVING);
	was_told(service, 3, NOT_SERVING);
	cr_assert_not(server->ended || service->ended);
}

Test(grpc_health, the_same_again_tells_nobody)
{
	struct grpc_call *call = watch("");
	grpc_health_set(&fake_server.health, false);
	cr_assert_eq(call->sent_n, 1);
	grpc_health_set(&fake_server.health, true);
	grpc_health_set(&fake_server.health, true);
	cr_assert_eq(call->sent_n, 2);
}

Test(grpc_health, watch_of_an_unknown_service_says_so_and_stays_open)
{
	struct grpc_call *call = watch("no.such.Service");
	was_told(call, 1, SERVICE_UNKNOWN);
	grpc_health_set(&fake_server.health, true);
	cr_assert_eq(call->sent_n, 1);
	cr_assert_not(call->ended);
	fake_call_close(call);
	cr_assert(list_empty(&fake_server.health.strangers));
}

Test(grpc_health, a_watcher_that_has_gone_is_told_nothing)
{
	struct grpc_call *first = watch(""), *second = watch(""), *third = watch("");
	fake_call_close(second);
	grpc_health_set(&fake_server.health, true);
	cr_assert_eq(second->sent_n, 1);
	was_told(first, 2, SERVING);
	was_told(third, 2, SERVING);
	fake_call_close(first);
	fake_call_close(third);
	cr_assert(list_empty(&fake_server.health.watchers));
}

Test(grpc_health, a_watch_may_go_away_before_it_has_asked)
{
	fake_call_close(open_call("Watch"));
	struct grpc_call *call = watch("");
	grpc_health_set(&fake_server.health, true);
	was_told(call, 2, SERVING);
}

Test(grpc_health, a_watcher_that_takes_no_more_does_not_keep_the_others_from_being_told)
{
	struct grpc_call *calls[] = {watch(""), watch(""), watch("")};
	for (int full = 0; full < 3; full++) {
		calls[full]->full = true;
		grpc_health_set(&fake_server.health, full % 2 == 0);
		cr_assert_eq(calls[full]->status, RESOURCE_EXHAUSTED);
		for (int i = full + 1; i < 3; i++)
			cr_assert_eq(calls[i]->sent_n, (size_t)full + 2);
	}
	cr_assert(list_empty(&fake_server.health.watchers));
}

Test(grpc_health, a_watcher_that_has_ended_but_is_not_gone_yet_does_no_harm)
{
	struct grpc_call *ending = watch(""), *other = watch("");
	ending->full = ending->lingers = true;
	grpc_health_set(&fake_server.health, true);
	grpc_health_set(&fake_server.health, false);
	was_told(other, 3, NOT_SERVING);
	cr_assert_eq(ending->sent_n, 1);
	fake_call_close(ending);
	grpc_health_set(&fake_server.health, true);
	was_told(other, 4, SERVING);
}

Test(grpc_health, a_connection_that_breaks_while_watchers_are_told_takes_all_of_its_own_with_it)
{
	/* the one that breaks is in the middle; it takes along one told before it, or the one
	 * next to be told, or the last */
	for (int along = 0; along < 5; along++) {
		struct grpc_call *calls[5];
		for (int i = 0; i < 5; i++)
			calls[i] = watch("");
		calls[2]->full = true;
		calls[2]->takes_along = along == 2 ? NULL : calls[along];
		grpc_health_set(&fake_server.health, along % 2 == 0);
		for (int i = 0; i < 5; i++) {
			size_t want = i == 2 || (i == along && along > 2) ? 1 : 2;
			cr_assert_eq(calls[i]->sent_n, want, "%d taken along: %d was told %zu", along, i, calls[i]->sent_n);
			fake_call_close(calls[i]);
		}
		cr_assert(list_empty(&fake_server.health.watchers));
	}
}

Test(grpc_health, a_watch_whose_first_message_finds_no_room_is_let_go)
{
	struct grpc_call *call = open_call("Watch");
	call->full = true;
	ask(call, "");
	cr_assert_eq(call->status, RESOURCE_EXHAUSTED);
	cr_assert(list_empty(&fake_server.health.watchers));
}

Test(grpc_health, ending_the_watches_ends_every_one)
{
	struct grpc_call *calls[] = {watch(""), watch("no.such.Service"), watch("m2m.v1.M2MClients"), watch("")};
	calls[0]->takes_along = calls[2];
	calls[3]->lingers = true;
	grpc_health_end_watches(&fake_server.health);
	cr_assert_eq(calls[0]->status, UNAVAILABLE);
	cr_assert_eq(calls[1]->status, UNAVAILABLE);
	cr_assert_eq(calls[3]->status, UNAVAILABLE);
	cr_assert_eq(calls[2]->status, -1);
	fake_call_close(calls[3]);
	grpc_health_end_watches(&fake_server.health);
	grpc_health_set(&fake_server.health, true);
	cr_assert_eq(calls[0]->sent_n, 1);
}

Test(grpc_health, after_the_end_no_watch_is_taken_but_check_still_answers)
{
	grpc_health_end_watches(&fake_server.health);
	cr_assert_eq(watch("")->status, UNAVAILABLE);
	cr_assert_eq(watch("no.such.Service")->status, UNAVAILABLE);
	was_told(check(""), 1, NOT_SERVING);
}
