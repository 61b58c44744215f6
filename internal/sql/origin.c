#include "sql/origin.h"

void store_put_origin(struct pg_params *p, const struct store_origin *o)
{
	pg_put_text(p, o->actor);
	pg_put_uuid(p, &o->request_id);
	pg_put_char(p, o->transport);
	pg_put_text(p, o->remote_addr);
	pg_put_text(p, o->user_agent);
	pg_put_text(p, o->traceparent);
}
