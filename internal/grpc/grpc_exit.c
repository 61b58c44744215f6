/* Every connection moves here, and here it is decided why it ends. grpc_link.c has the exit
 * itself (grpc_conn_end). */
#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "grpc/grpc_conn_parts.h"
#include "grpc/grpc_server_parts.h"

void grpc_conn_move(struct grpc_conn *c, enum grpc_phase to)
{
	assert(grpc_phase_may_become(c->phase, to));
	c->phase = to;
}

void grpc_conn_wake(struct grpc_conn *c)
{
	grpc_server_flush_soon(c->server, &c->awake);
}

static void submit_goaway(struct grpc_conn *c, uint32_t code, const char *text)
{
	nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(c->session), code,
			      (const uint8_t *)text, text == NULL ? 0 : strlen(text));
	grpc_conn_wake(c);
}

void grpc_conn_go_away(struct grpc_conn *c, uint32_t code, enum conn_end why, const char *text)
{
	if (!grpc_conn_reads(c))
		return;
	if (text == NULL)
		text = conn_end_info(why)->word;
	c->end = why; /* also behind a farewell: it has come to this */
	grpc_conn_move(c, c->phase == GRPC_SILENT ? GRPC_CLOSING : GRPC_LEAVING);
	log_message(LOG_DEBUG, "grpc_goaway", "%s: %s", c->remote.text, text);
	submit_goaway(c, code, text);
}

void grpc_conn_say_bye(struct grpc_conn *c)
{
	grpc_conn_move(c, GRPC_FAREWELL);
	submit_goaway(c, NGHTTP2_NO_ERROR, NULL);
}

void grpc_conn_give_up(struct grpc_conn *c)
{
	if (c->phase <= GRPC_LEAVING) {
		conn_end_decide(&c->end, CONN_END_NO_MEMORY);
		grpc_conn_move(c, GRPC_CLOSING);
	}
	grpc_conn_wake(c);
}
