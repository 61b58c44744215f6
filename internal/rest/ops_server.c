/* Three probes with one word for a person, and the metrics. */
#include "rest/ops_server.h"

#include <event2/http.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ip.h"
#include "loop/accept.h"
#include "loop/tls_bufferevent.h"
#include "rest/rest_by_evhttp.h"

#define METRICS_MAX (256 * 1024)

struct ops_server {
	struct evhttp *http, *local; /* of TCP; of unix sockets, which speak no TLS */
	struct accept_set listeners; /* theirs */
	struct tls *tls;
	int descriptors_max;
	bool full; /* no descriptor was left when it was last looked */
	struct ops_source source;
};

static void answer(const struct ops_server *s, struct evhttp_request *req, int status, struct str type, struct str body)
{
	struct rest_answer a = {.status = status, .body = body};
	/* evhttp makes a plain connection itself when new_connection has no memory */
	struct bufferevent *bev = evhttp_connection_get_bufferevent(evhttp_request_get_connection(req));
	if (!tls_fits(socket_is_local(bufferevent_getfd(bev)) ? NULL : s->tls, TLS_OPS, bev)) {
		a.status = 503;
		a.body = STR("");
		rest_answer_add(&a, STR("Connection"), STR("close"));
	}
	rest_answer_add(&a, STR("Content-Type"), type);
	rest_answer_add(&a, STR("Cache-Control"), STR("no-store"));
	if (a.status == 503)
		rest_answer_add(&a, STR("Retry-After"), STR("1"));
	rest_by_evhttp_send(req, &a);
}

static void answer_text(const struct ops_server *s, struct evhttp_request *req, int status, struct str body)
{
	answer(s, req, status, STR("text/plain; charset=utf-8"), body);
}

static void on_livez(struct evhttp_request *req, void *arg)
{
	const struct ops_server *s = arg;
	answer_text(s, req, 200, STR("ok\n"));
}

static void on_readyz(struct evhttp_request *req, void *arg)
{
	const struct ops_server *s = arg;
	char text[128];
	struct sbuf why = sbuf_fixed(text, sizeof text);
	bool ready = s->source.ready(s->source.arg, &why);
	sbuf_putc(&why, '\n');
	answer_text(s, req, ready ? 200 : 503, sbuf_str(&why));
}

static void on_startupz(struct evhttp_request *req, void *arg)
{
	const struct ops_server *s = arg;
	bool started = s->source.started(s->source.arg);
	answer_text(s, req, started ? 200 : 503, started ? STR("started\n") : STR("starting\n"));
}

static void on_metrics(struct evhttp_request *req, void *arg)
{
	const struct ops_server *s = arg;
	struct arena *a = arena_new(METRICS_MAX);
	if (a == NULL) {
		answer_text(s, req, 503, STR("out of memory\n"));
		return;
	}
	struct sbuf text = sbuf_in(a, 16384);
	s->source.metrics(s->source.arg, &text);
	answer(s, req, 200, STR("text/plain; version=0.0.4; charset=utf-8"), sbuf_str(&text));
	arena_free(a);
}

static void on_other(struct evhttp_request *req, void *arg)
{
	const struct ops_server *s = arg;
	answer_text(s, req, 404, STR("try /livez, /readyz, /startupz or /metrics\n"));
}

static bool has_room(const struct ops_server *s)
{
	return s->descriptors_max == 0 || accept_has_room(s->descriptors_max);
}

static struct bufferevent *new_connection(struct ops_server *s, struct event_base *base, struct tls *tls)
{
	s->full = !has_room(s);
	if (s->full)
		accept_disable(&s->listeners);
	return tls_bufferevent(tls, TLS_OPS, base, -1);
}

static struct bufferevent *new_tcp(struct event_base *base, void *arg)
{
	struct ops_server *s = arg;
	return new_connection(s, base, s->tls);
}

static struct bufferevent *new_local(struct event_base *base, void *arg)
{
	return new_connection(arg, base, NULL);
}

static struct evhttp *new_http(struct ops_server *s, struct event_base *base, struct bufferevent *(*connect)(struct event_base *, void *))
{
	struct evhttp *http = evhttp_new(base);
	if (http == NULL)
		return NULL;
	evhttp_set_timeout(http, 10);
	evhttp_set_max_headers_size(http, 8192);
	evhttp_set_max_body_size(http, 1024);
	evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_bevcb(http, connect, s);
	evhttp_set_cb(http, "/livez", on_livez, s);
	evhttp_set_cb(http, "/readyz", on_readyz, s);
	evhttp_set_cb(http, "/startupz", on_startupz, s);
	evhttp_set_cb(http, "/metrics", on_metrics, s);
	evhttp_set_gencb(http, on_other, s);
	return http;
}

/* What is bound is closed with its evhttp. */
static bool bind_all(struct ops_server *s, struct accept_set *unbound)
{
	while (unbound->n > 0) {
		struct evconnlistener *listener = unbound->at[unbound->n - 1];
		if (evhttp_bind_listener(socket_is_local(evconnlistener_get_fd(listener)) ? s->local : s->http, listener) == NULL)
			return false;
		unbound->n--;
	}
	return true;
}

struct ops_server *ops_server_new(struct event_base *base, const struct ops_source *source, struct tls *tls, const int *fds, unsigned n,
				  int descriptors_max)
{
	struct ops_server *s = calloc(1, sizeof *s);
	struct accept_set unbound;
	if (accept_open(&unbound, base, NULL, NULL, fds, n) != ERR_OK || s == NULL)
		goto fail;
	s->source = *source;
	s->listeners = unbound;
	s->tls = tls;
	s->descriptors_max = descriptors_max;
	s->http = new_http(s, base, new_tcp);
	s->local = new_http(s, base, new_local);
	if (s->http == NULL || s->local == NULL || !bind_all(s, &unbound))
		goto fail;
	accept_enable(&s->listeners);
	return s;
fail:
	accept_close(&unbound);
	ops_server_free(s);
	return NULL;
}

void ops_server_accept(struct ops_server *s)
{
	s->full = s->full && !has_room(s);
	if (!s->full)
		accept_enable(&s->listeners);
}

void ops_server_free(struct ops_server *s)
{
	if (s == NULL)
		return;
	if (s->http != NULL)
		evhttp_free(s->http);
	if (s->local != NULL)
		evhttp_free(s->local);
	free(s);
}
