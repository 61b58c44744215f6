/* Spans -> ExportTraceServiceRequest in OTLP's JSON. Private to trace/. */
#ifndef M2M_TRACE_ENCODE_H
#define M2M_TRACE_ENCODE_H

#include "base/sbuf.h"
#include "trace/trace.h"

/* `instance`: this process's name, for service.instance.id. */
void encode_spans(struct sbuf *out, struct str instance, const struct trace_span *spans, unsigned n);

#endif
