#include "trace/encode.h"

#include <inttypes.h>

#define SERVICE      "m2m.v1.M2MClients"
#define KIND_SERVER  2
#define STATUS_ERROR 2

static void put_hex(struct sbuf *out, const char *key, const uint8_t *p, size_t n)
{
	sbuf_printf(out, "\"%s\":\"", key);
	for (size_t i = 0; i < n; i++)
		sbuf_printf(out, "%02x", p[i]);
	sbuf_putz(out, "\"");
}

static void put_text(struct sbuf *out, const char *key, struct str value)
{
	sbuf_printf(out, "{\"key\":\"%s\",\"value\":{\"stringValue\":", key);
	sbuf_put_json(out, value);
	sbuf_putz(out, "}}");
}

static void put_number(struct sbuf *out, const char *key, int value)
{
	/* 64 bits are a text in protobuf's JSON */
	sbuf_printf(out, ",{\"key\":\"%s\",\"value\":{\"intValue\":\"%d\"}}", key, value);
}

/* Names of OpenTelemetry's semantic conventions, and our own under m2m. */
static void put_attributes(struct sbuf *out, const struct trace_span *s)
{
	sbuf_putz(out, "\"attributes\":[");
	put_text(out, "m2m.operation", str_of(s->operation));
	sbuf_putc(out, ',');
	put_text(out, "m2m.outcome", str_of(s->outcome));
	sbuf_putc(out, ',');
	put_text(out, "m2m.request_id", str_from(s->request_id, s->request_id_n));
	if (s->client_address_n > 0) {
		sbuf_putc(out, ',');
		put_text(out, "client.address", str_from(s->client_address, s->client_address_n));
	}
	if (s->rpc != NULL) {
		sbuf_putc(out, ',');
		put_text(out, "rpc.system", STR("grpc"));
		sbuf_putc(out, ',');
		put_text(out, "rpc.service", STR(SERVICE));
		sbuf_putc(out, ',');
		put_text(out, "rpc.method", str_of(s->rpc));
		put_number(out, "rpc.grpc.status_code", s->grpc_status);
	} else {
		if (s->route != NULL) {
			sbuf_putc(out, ',');
			put_text(out, "http.request.method", str_of(s->method));
			sbuf_putc(out, ',');
			put_text(out, "http.route", str_of(s->route));
		}
		put_number(out, "http.response.status_code", s->http_status);
	}
	sbuf_putz(out, "]");
}

static void put_span(struct sbuf *out, const struct trace_span *s)
{
	sbuf_putc(out, '{');
	put_hex(out, "traceId", s->trace_id, sizeof s->trace_id);
	sbuf_putc(out, ',');
	put_hex(out, "spanId", s->span_id, sizeof s->span_id);
	if (s->has_parent) {
		sbuf_putc(out, ',');
		put_hex(out, "parentSpanId", s->parent_id, sizeof s->parent_id);
	}
	if (s->rpc != NULL)
		sbuf_printf(out, ",\"name\":\"" SERVICE "/%s\"", s->rpc);
	else
		sbuf_printf(out, ",\"name\":\"%s%s%s\"", s->route == NULL ? "HTTP" : s->method, s->route == NULL ? "" : " ",
			    s->route == NULL ? "" : s->route);
	sbuf_printf(out, ",\"kind\":%d,\"startTimeUnixNano\":\"%" PRId64 "000\",\"endTimeUnixNano\":\"%" PRId64 "000\",", KIND_SERVER,
		    s->start_us, s->end_us);
	put_attributes(out, s);
	/* what the caller did wrong is no error of a server's span */
	if (s->http_status >= 500)
		sbuf_printf(out, ",\"status\":{\"code\":%d,\"message\":\"%s\"}", STATUS_ERROR, s->outcome);
	sbuf_putc(out, '}');
}

void encode_spans(struct sbuf *out, struct str instance, const struct trace_span *spans, unsigned n)
{
	sbuf_putz(out, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[");
	put_text(out, "service.name", STR("m2m-gateway"));
	sbuf_putc(out, ',');
	put_text(out, "service.version", STR(M2M_VERSION));
	sbuf_putc(out, ',');
	put_text(out, "service.instance.id", instance);
	sbuf_putz(out, "]},\"scopeSpans\":[{\"scope\":{\"name\":\"m2m-gateway\"},\"spans\":[");
	for (unsigned i = 0; i < n; i++) {
		if (i > 0)
			sbuf_putc(out, ',');
		put_span(out, &spans[i]);
	}
	sbuf_putz(out, "]}]}]}");
}
