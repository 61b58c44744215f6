/* How a composed answer goes out by evhttp: those of rare requests, and the ops listener's. */
#ifndef M2M_REST_REST_BY_EVHTTP_H
#define M2M_REST_REST_BY_EVHTTP_H

#include <event2/http.h>

#include "rest/rest_answer.h"

/* The header fields, in the place of any that were there. */
void rest_by_evhttp_fields(struct evhttp_request *req, const struct rest_answer *a);

/* Sends the head alone, behind rest_by_evhttp_fields: of an answer without a body, or to HEAD. */
void rest_by_evhttp_head(struct evhttp_request *req, const struct rest_answer *a);

/* Fields and body, which is copied; where evhttp has no memory for that, the head alone. */
void rest_by_evhttp_send(struct evhttp_request *req, const struct rest_answer *a);

#endif
