#include "sql/origin.h"

void origin_put(struct pg_params *p, const struct origin *o)
{
	pg_put_text(p, o->actor);
	pg_put_uuid(p, &o->request_id);
	pg_put_char(p, o->transport);
	pg_put_text(p, o->remote_addr);
	pg_put_text(p, o->user_agent);
	pg_put_text(p, o->traceparent);
	p->by = o->by;
	p->of = o->act == NULL ? NULL : o;
}
