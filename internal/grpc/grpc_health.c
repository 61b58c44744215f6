/* grpc/grpc doc/health-checking.md.
 *
 *   Check   request -> one answer, OK; an unknown service is NOT_FOUND
 *   Watch request -> the first answer at once -> listed -> an answer for each change -> gone, or
 *   ended by grpc_health_end_watches
 *
 * Sending or ending may make this call, and others of its connection, go away before it returns.
 * So no loop here keeps a place in a list: each takes the front one until there is none. */
#include "grpc/grpc_health.h"

#include "grpc/grpc_server.h"
#include "grpc/health/v1/health.pb-c.h"
#include "grpc/pb_check.h"

enum { OK = 0, NOT_FOUND = 5 }; /* google.rpc.Code */

enum answer {
	SERVING = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING,
	NOT_SERVING = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING,
	SERVICE_UNKNOWN = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN,
};

static void end_with(struct grpc_call *call, enum err err)
{
	grpc_call_end(call, err_info(err)->grpc, str_of(err_info(err)->text));
}

static bool send_answer(struct grpc_call *call, enum answer answer)
{
	Grpc__Health__V1__HealthCheckResponse response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
	uint8_t packed[16]; /* a tag and a small number */
	response.status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)answer;
	size_t n = grpc__health__v1__health_check_response__pack(&response, packed);
	return grpc_call_send(call, str_from(packed, n));
}

/* What is to be said of the service that the request names; ERR_MALFORMED_MESSAGE if it is no
 * such request; ERR_OVERLOADED. */
static enum err answer_to(const struct grpc_health *h, struct str message, enum answer *ret)
{
	Grpc__Health__V1__HealthCheckRequest *request = NULL;
	if (pb_check(&grpc__health__v1__health_check_request__descriptor, message) != ERR_OK)
		return ERR_MALFORMED_MESSAGE;
	request = grpc__health__v1__health_check_request__unpack(NULL, message.n, (const uint8_t *)message.p);
	if (request == NULL)
		return ERR_OVERLOADED; /* well-formed, so memory is out */

	bool known = strcmp(request->service, "") == 0 || strcmp(request->service, "m2m.v1.M2MClients") == 0;
	*ret = !known ? SERVICE_UNKNOWN : h->serving ? SERVING : NOT_SERVING;
	grpc__health__v1__health_check_request__free_unpacked(request, NULL);
	return ERR_OK;
}

static void on_check(struct grpc_call *call, struct str message)
{
	enum answer answer;
	enum err err = answer_to(grpc_server_health(grpc_call_server(call)), message, &answer);
	if (err != ERR_OK) {
		end_with(call, err);
	} else if (answer == SERVICE_UNKNOWN) {
		grpc_call_end(call, NOT_FOUND, STR("There is no such service."));
	} else {
		send_answer(call, answer);
		grpc_call_end(call, OK, STR_NONE);
	}
}

static void on_watch(struct grpc_call *call, struct str message)
{
	struct grpc_health *h = grpc_server_health(grpc_call_server(call));
	enum answer answer;
	enum err err = h->ended ? ERR_SHUTTING_DOWN : answer_to(h, message, &answer);
	if (err != ERR_OK) {
		end_with(call, err);
		return;
	}

	/* listed first: sending may be the end of it, and that takes it off */
	list_append(answer == SERVICE_UNKNOWN ? &h->strangers : &h->watchers, grpc_call_node(call));
	*grpc_call_data(call) = h; /* says that the node is in use */
	send_answer(call, answer);
}

static void on_watch_gone(struct grpc_call *call)
{
	if (*grpc_call_data(call) != NULL)
		list_remove(grpc_call_node(call));
}

const struct grpc_method grpc_health_methods[] = {
	{.path = "/grpc.health.v1.Health/Check", .on_message = on_check},
	{.path = "/grpc.health.v1.Health/Watch", .own_stream = true, .on_message = on_watch, .on_gone = on_watch_gone},
};
const size_t grpc_health_methods_n = sizeof grpc_health_methods / sizeof grpc_health_methods[0];

void grpc_health_init(struct grpc_health *h)
{
	*h = (struct grpc_health){.serving = false};
	list_init(&h->watchers);
	list_init(&h->strangers);
}

void grpc_health_set(struct grpc_health *h, bool serving)
{
	if (serving == h->serving)
		return;

	h->serving = serving;
	struct list untold;
	struct list *node;
	list_init(&untold);
	while ((node = list_pop(&h->watchers)) != NULL)
		list_append(&untold, node);
	while ((node = list_pop(&untold)) != NULL) {
		list_append(&h->watchers, node);
		send_answer(grpc_call_of_node(node), serving ? SERVING : NOT_SERVING);
	}
}

static void end_all(struct list *watches)
{
	struct list *node;
	while ((node = list_pop(watches)) != NULL)
		end_with(grpc_call_of_node(node), ERR_SHUTTING_DOWN);
}

void grpc_health_end_watches(struct grpc_health *h)
{
	h->ended = true;
	end_all(&h->watchers);
	end_all(&h->strangers);
}
