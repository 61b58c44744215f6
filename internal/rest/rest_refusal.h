/* Every refusal over HTTP is composed here, so that all have the same header fields: those of
 * ops, those made without an op while there is too much to do, and those of connections. */
#ifndef M2M_REST_REST_REFUSAL_H
#define M2M_REST_REST_REFUSAL_H

#include "base/err.h"
#include "base/uuid.h"
#include "rest/rest_answer.h"

/* All borrowed. */
struct rest_refusal {
	enum err err;
	int status;              /* 0: the error table's */
	const char *detail;      /* NULL: the error table's sentence */
	struct str request_id;   /* NUL-terminated */
	bool oauth;              /* the body is RFC 6749 section 5.2's, else RFC 9457's */
	struct str challenge;    /* WWW-Authenticate; may be absent */
	const char *allow;       /* the methods that the path takes; for METHOD_NOT_ALLOWED */
	const char *retry_after; /* may be NULL */
};

/* Its body is written to `body`, from where *ret borrows it; absent: it found no room. */
void rest_refusal_compose(const struct rest_refusal *r, struct sbuf *body, struct rest_answer *ret);

/* A refusal that needs neither an op nor memory, with an id of its own: try again in a second. */
struct rest_refusal_alone {
	char id[UUID_TEXT_LEN + 1];
	struct rest_answer answer;
	char body[512], text[1024];
};
void rest_refusal_alone(struct rest_refusal_alone *r, enum err err, const char *detail, bool oauth);

/* It as it goes over the wire; `last`: the connection ends behind it. */
struct str rest_refusal_text(struct rest_refusal_alone *r, bool last);

#endif
