#include "worker/limits.h"

#include <inttypes.h>
#include <sys/resource.h>

#include "base/cgroup.h"
#include "base/log.h"

/* Descriptors of everything but clients and operators. A worker has sixteen: epoll, libevent's two
 * for signals, two listeners, the two ends of the pipe for connections that others hand over, two
 * sockets to PostgreSQL, and seven eventfds (its commands, two dials, trust view, hash view, key
 * maker, key loader). While it dials, each dial may have a file or a look-up open besides its
 * socket. The process has its standard streams, the files that it rereads, the issuers' and the
 * collector's connections. */
#define DESCRIPTORS_A_WORKER 18
#define DESCRIPTORS_PROCESS  32
/* Below this many there is no use in serving. */
#define CLIENTS_LEAST 32

/* An idle connection, with what the kernel and OpenSSL keep for it. */
#define BYTES_PROCESS    (UINT64_C(32) << 20)
#define BYTES_PLAIN      (UINT64_C(8) << 10)
#define BYTES_ENCRYPTED  (UINT64_C(32) << 10)
#define WORKER_LISTENERS 2

static uint64_t connections(const struct config *c)
{
	return (uint64_t)WORKER_LISTENERS * c->workers * c->connections_max;
}

static uint64_t raise_descriptors(void)
{
	struct rlimit files = {0, 0};
	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return INT32_MAX;
	const struct rlimit most = {files.rlim_max, files.rlim_max};
	if (files.rlim_cur < files.rlim_max && setrlimit(RLIMIT_NOFILE, &most) == 0)
		files = most;
	return files.rlim_cur < INT32_MAX ? files.rlim_cur : INT32_MAX;
}

static enum err share_descriptors(struct config *c, uint64_t limit, struct sbuf *why)
{
	const uint64_t others = DESCRIPTORS_PROCESS + DESCRIPTORS_A_WORKER * c->workers;
	const uint64_t kept = others + CONFIG_OPS_DESCRIPTORS;
	const uint64_t needed = kept + connections(c);
	if (limit < kept + others + CLIENTS_LEAST) {
		sbuf_printf(why, "RLIMIT_NOFILE (ulimit -n) is %" PRIu64 "; with M2M_WORKERS=%u at least %" PRIu64 " are needed", limit,
			    c->workers, kept + others + CLIENTS_LEAST);
		return ERR_OVERLOADED;
	}
	c->descriptors_max = (int)(limit - kept);
	if (limit < needed)
		log_message(LOG_WARN, "descriptors_scarce",
			    "RLIMIT_NOFILE is %" PRIu64 ", and the settings may need %" PRIu64
			    " (M2M_WORKERS times M2M_MAX_CONNECTIONS, for REST and for gRPC); client connections beyond about %" PRIu64
			    " in all will be refused",
			    limit, needed, limit - kept - others);
	return ERR_OK;
}

/* The tightest of what bounds this process's memory; 0: nothing does. */
static uint64_t memory_limit(const char **ret_name)
{
	uint64_t limit = cgroup_limits(CGROUP_OF_SELF, CGROUP_MOUNT).memory;
	struct rlimit space = {0, 0};
	*ret_name = "memory.max of its control group";
	if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY && (limit == 0 || space.rlim_cur < limit)) {
		limit = space.rlim_cur;
		*ret_name = "RLIMIT_AS";
	}
	return limit;
}

static void check_memory(const struct config *c)
{
	const char *name = NULL;
	uint64_t limit = memory_limit(&name);
	uint64_t each = c->http.tls || c->grpc.tls ? BYTES_ENCRYPTED : BYTES_PLAIN;
	uint64_t needed = BYTES_PROCESS + each * connections(c);
	if (limit > 0 && limit < needed)
		log_message(LOG_WARN, "memory_scarce",
			    "%s is %" PRIu64 " MiB, and as many connections as the settings allow take about %" PRIu64
			    " MiB when idle; lower M2M_MAX_CONNECTIONS, or raise the limit",
			    name, limit >> 20, needed >> 20);
}

enum err limits_apply(struct config *config, struct sbuf *why)
{
	enum err err = share_descriptors(config, raise_descriptors(), why);
	if (err == ERR_OK)
		check_memory(config);
	return err;
}

void limits_check_database(const struct config *config, int connections)
{
	int needed = (int)config->workers * CONFIG_WORKER_CONNECTIONS;
	if (connections < needed)
		log_message(
			LOG_WARN, "database_connections_scarce",
			"%u workers open %d connections to PostgreSQL, which leaves this login %d (max_connections, and the limits of the"
			" role and the database); lower M2M_WORKERS, or raise the limit",
			config->workers, needed, connections);
}
