/* Who is at the other end of a connection: its address, or whom a trusted proxy names in the
 * PROXY header before the first byte; and whether that address may have one connection more. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/log.h"
#include "rest/rest_conn_parts.h"

static void join_peer(struct rest_conn *c)
{
	struct rest_conns *set = c->set;
	struct peer *peer = peers_take(&set->peers, remote_text(&c->remote));
	if (peer == NULL || !fair_share(peer->connections, set->held, set->max)) {
		peer_release(peer);
		rest_conn_decide(c, CONN_END_TOO_MANY);
		return;
	}
	c->peer = peer;
	peer->connections++;
	set->held++;
}

static void note_remote(struct rest_conn *c, const struct ip *ip)
{
	c->remote = remote_of(c->set->proxies, ip);
	join_peer(c);
}

bool rest_doorstep_meet(struct rest_conn *c, int fd, bool *ret_local)
{
	union {
		struct sockaddr any;
		struct sockaddr_storage room;
	} address = {.room = {0}};
	socklen_t n = sizeof address;
	struct ip ip = {.n = 0};
	if (getpeername(fd, &address.any, &n) == 0)
		ip = ip_of_sockaddr(&address.any);
	*ret_local = address.any.sa_family == AF_UNIX;
	note_remote(c, &ip);
	if (c->set->proxies->form != FORWARDED_PROXY_V2 || !c->remote.is_proxy)
		return true;
	c->proxy_header = malloc(sizeof *c->proxy_header);
	if (c->proxy_header != NULL)
		proxy_header_init(c->proxy_header);
	return c->proxy_header != NULL;
}

void rest_doorstep_turn_away(struct rest_conn *c)
{
	rest_write_refusal(c, ERR_OVERLOADED, "There are too many connections.");
	rest_conn_end(c, c->end);
}

/* Who the proxy speaks for has its own share of the connections, and isn't asked whom it speaks
 * for. */
static void end_header(struct rest_conn *c)
{
	struct ip source = proxy_header_source(c->proxy_header, &c->remote.ip);
	free(c->proxy_header);
	c->proxy_header = NULL;
	rest_conn_leave_peer(c);
	note_remote(c, &source);
	if (c->end != CONN_END_NONE)
		rest_doorstep_turn_away(c);
}

/* Straight from the socket: TLS begins behind it. */
bool rest_doorstep_read(struct rest_conn *c)
{
	for (size_t wanted; (wanted = proxy_header_wants(c->proxy_header)) > 0;) {
		size_t room = wanted < sizeof c->set->chunk ? wanted : sizeof c->set->chunk;
		ssize_t n = recv(c->stream.fd, c->set->chunk, room, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return false;
		if (n <= 0) {
			rest_conn_end(c, n == 0 ? CONN_END_CLIENT_CLOSED : CONN_END_LOST);
			return false;
		}
		if (!proxy_header_feed(c->proxy_header, (const uint8_t *)c->set->chunk, (size_t)n)) {
			log_message(LOG_INFO, "connection_refused", "%s sends no PROXY header of version 2", c->remote.text);
			rest_conn_end(c, CONN_END_NO_PROXY_HEADER);
			return false;
		}
	}
	end_header(c);
	return c->phase != REST_GONE;
}
