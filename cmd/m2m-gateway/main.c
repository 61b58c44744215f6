/* m2m-gateway: read the settings, look at the database once, open the ports, run the workers
 * until a signal. */
#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "config/config.h"
#include "crypto/digest.h"
#include "crypto/signing_way.h"
#include "healthcheck.h"
#include "signals.h"
#include "sql/database_url.h"
#include "store/store.h"
#include "tls/tls.h"
#include "trace/trace.h"
#include "worker/limits.h"
#include "worker/listen.h"
#include "worker/loop_log.h"
#include "worker/memory.h"
#include "worker/worker.h"

#define WORKERS_MAX 64
#define LOOK_US     1000000 /* between looks at the certificates */
#define LOG_END_MS  1000    /* how long the end waits for whoever reads the log */

/* Exit codes, as m2mctl's: 0 ended by a signal, 1 failed, 2 usage, 3 settings. */
enum { EXIT_USAGE = 2, EXIT_SETTINGS = 3 };

static int complain(int code, struct str lines)
{
	for (struct str line; (line = str_split(&lines, '\n')).p != NULL;)
		if (line.n > 0)
			fprintf(stderr, "m2m-gateway: %.*s\n", STR_ARG(line));
	return code;
}

static int print(struct str text)
{
	if (fwrite(text.p, 1, text.n, stdout) == text.n && fflush(stdout) == 0)
		return EXIT_SUCCESS;
	fprintf(stderr, "m2m-gateway: stdout can't be written: %s\n", strerror(errno));
	return EXIT_FAILURE;
}

static int help(void)
{
	struct arena *a = arena_new(65536);
	if (a == NULL)
		return EXIT_FAILURE;
	struct sbuf text = sbuf_in(a, 8192);
	sbuf_putz(&text,
		  "Usage: m2m-gateway [--help | --version]\n"
		  "       m2m-gateway healthcheck [--live | --startup]\n\n"
		  "Issues OAuth 2.0 access tokens to machine clients, over PostgreSQL. It takes its settings from the environment;\n"
		  "each may also be given as NAME_FILE, a file that holds the value. Prepare the database with: m2mctl migrate up\n\n"
		  "healthcheck asks the gateway of the same environment whether it is ready (or alive, or has started), and exits with 0 "
		  "or 1.\n\n");
	config_describe(&text);
	int code = print(sbuf_str(&text));
	arena_free(a);
	return code;
}

static void announce(const char *what, const struct config_listener *l)
{
	for (unsigned i = 0; i < l->n; i++) {
		const struct config_listen *at = &l->at[i];
		char text[sizeof at->host + 16];
		if (at->local)
			snprintf(text, sizeof text, "unix:%s", at->host);
		else
			snprintf(text, sizeof text, strchr(at->host, ':') != NULL ? "[%s]:%u" : "%s:%u", at->host, at->port);
		struct log_line line;
		log_begin(&line, LOG_INFO, "listening");
		log_str(&line, "what", str_of(what));
		log_str(&line, "address", str_of(text));
		log_bool(&line, "tls", l->tls && !at->local);
		log_end(&line);
	}
}

static void announce_signatures(const struct config *config)
{
	struct log_line line;
	bool here;
	const char *library = multi_buffer_version(&here);
	log_begin(&line, LOG_INFO, "signatures");
	log_str(&line, "way", str_of(signing_way_name(signing_way_here(config->signing_way))));
	log_str(&line, "libcrypto_mb", str_of(library));
	log_end(&line);
}

/* What this process has claimed, until it drains. */
struct claims {
	struct listen_claim http, grpc, ops;
};

static enum err claim_all(struct config *config, struct claims *claims, struct sbuf *why)
{
	enum err err = listen_claim(&config->http, "M2M_HTTP_LISTEN", &claims->http, why);
	if (err == ERR_OK)
		err = listen_claim(&config->grpc, "M2M_GRPC_LISTEN", &claims->grpc, why);
	if (err == ERR_OK)
		err = listen_claim(&config->ops, "M2M_OPS_LISTEN", &claims->ops, why);
	return err;
}

static void withdraw_all(const struct config *config, struct claims *claims)
{
	listen_withdraw(&config->http, &claims->http);
	listen_withdraw(&config->grpc, &claims->grpc);
	listen_withdraw(&config->ops, &claims->ops);
}

static enum err new_worker(const struct config *config, struct claims *claims, const struct worker_shared *shared, struct worker **ret,
			   struct sbuf *why)
{
	struct listen_set http, grpc;
	enum err err = listen_open(&config->http, &claims->http, true, &http, why);
	if (err != ERR_OK)
		return err;
	err = listen_open(&config->grpc, &claims->grpc, true, &grpc, why);
	if (err != ERR_OK) {
		listen_close(&http);
		return err;
	}
	*ret = worker_new(config, shared, &http, &grpc);
	return *ret == NULL ? ERR_NO_MEMORY : ERR_OK;
}

static void say_no_thread(struct sbuf *why)
{
	sbuf_printf(why, "a thread can't be started: %s; see RLIMIT_NPROC (ulimit -u) and pids.max of the control group", strerror(errno));
}

static enum err start_workers(struct config *config, struct claims *claims, const struct worker_shared *shared, struct worker **workers,
			      struct sbuf *why)
{
	struct listen_set ops;
	enum err err = claim_all(config, claims, why);
	for (unsigned i = 0; i < config->workers && err == ERR_OK; i++)
		err = new_worker(config, claims, shared, &workers[i], why);
	for (unsigned i = 0; i < config->workers && err == ERR_OK; i++)
		worker_know_all(workers[i], workers, config->workers);
	if (err == ERR_OK)
		err = listen_open(&config->ops, &claims->ops, false, &ops, why);
	if (err == ERR_OK)
		err = worker_serve_ops(workers[0], &ops);
	if (err == ERR_OK)
		err = trust_start(shared->trust);
	if (err == ERR_OK)
		err = trace_start(shared->trace);
	for (unsigned i = 0; i < config->workers && err == ERR_OK; i++)
		err = worker_start(workers[i]);
	if (err == ERR_OVERLOADED)
		say_no_thread(why);
	return err;
}

static void end_workers(struct worker **workers, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (workers[i] != NULL)
			worker_drain(workers[i], false);
	/* while this thread joins it takes none: a second one ends the process, and no token is
	 * lost that was recorded */
	signals_end_at_once();
	for (unsigned i = 0; i < n; i++)
		if (workers[i] != NULL)
			worker_join(workers[i]);
	for (unsigned i = 0; i < n; i++)
		worker_free(workers[i]);
}

/* At the certificates: the gateway's, and the authorities of clients'. */
static void look(const struct worker_shared *shared)
{
	tls_look(shared->tls);
	client_authorities_look(shared->authorities);
}

/* What is reread when it changes is looked at now. The other settings are read once. */
static void reread(const struct worker_shared *shared)
{
	bool issuers = trust_look_now(shared->trust);
	look(shared);
	const char *what = shared->tls == NULL ? (issuers ? "the trusted issuers" : "nothing, no setting names a file that is reread")
			   : issuers           ? "certificate, key, client CAs, trusted issuers"
					       : "certificate, key, client CAs";
	log_message(LOG_INFO, "reread", "got SIGHUP; looked at: %s", what);
}

/* The first signal that ends the process, or 0 after `limit_ms` (negative: no limit). Meanwhile
 * this thread, which has nothing else to do, looks after the certificates. */
static int wait_for_signal(const sigset_t *signals, int64_t limit_ms, const struct worker_shared *shared)
{
	const int64_t until_us = clock_mono_us() + limit_ms * 1000;
	for (;;) {
		int64_t left_us = limit_ms < 0 ? LOOK_US : until_us - clock_mono_us();
		if (left_us <= 0)
			return 0;
		left_us = left_us < LOOK_US ? left_us : LOOK_US;
		int got = sigtimedwait(signals, NULL, &(struct timespec){left_us / 1000000, left_us % 1000000 * 1000});
		if (got == SIGHUP)
			reread(shared);
		else if (got > 0)
			return got;
		else
			look(shared);
	}
}

static int serve(struct config *config, const struct worker_shared *shared, const sigset_t *signals)
{
	struct worker *workers[WORKERS_MAX] = {NULL};
	struct claims claims = {.http.n = 0};
	char text[1024];
	struct sbuf why = sbuf_fixed(text, sizeof text);

	enum err logging = log_writer_start();
	if (logging == ERR_OVERLOADED)
		say_no_thread(&why);
	if (logging != ERR_OK)
		return complain(EXIT_FAILURE, why.n == 0 ? STR("out of memory") : sbuf_str(&why));
	if (limits_apply(config, &why) != ERR_OK)
		return complain(EXIT_FAILURE, sbuf_str(&why));
	if (config_issuer_is_unreachable(config))
		log_message(LOG_WARN, "issuer_unreachable", "%.*s: " CONFIG_ISSUER_ADVICE, STR_ARG(config->issuer));
	if (config->pages && shared->web == NULL)
		log_message(LOG_INFO, "no_pages", "M2M_PAGES is on, and this program was built without the pages");
	int connections = INT_MAX;
	if (!store_check(config, &connections, &why))
		return complain(EXIT_FAILURE, sbuf_str(&why));
	limits_check_database(config, connections);
	if (why.n > 0)
		log_message(LOG_WARN, "database_not_ready", "%s; trying again until it is", text);
	why = sbuf_fixed(text, sizeof text);
	if (start_workers(config, &claims, shared, workers, &why) != ERR_OK) {
		withdraw_all(config, &claims);
		end_workers(workers, config->workers);
		return complain(EXIT_FAILURE, why.n == 0 ? STR("out of memory") : sbuf_str(&why));
	}
	announce("http", &config->http);
	announce("grpc", &config->grpc);
	announce("ops", &config->ops);
	announce_signatures(config);

	int signal_number = wait_for_signal(signals, -1, shared);
	const char *name = sigabbrev_np(signal_number);
	if (signal_number == SIGTERM && config->shutdown_delay_ms > 0) {
		log_message(LOG_INFO, "leaving", "got SIG%s; not ready any more, serving on for %u ms", name, config->shutdown_delay_ms);
		for (unsigned i = 0; i < config->workers; i++)
			worker_withdraw(workers[i]);
		/* a second one cuts it short */
		wait_for_signal(signals, config->shutdown_delay_ms, shared);
	}
	log_message(LOG_INFO, "draining", "got SIG%s", name);
	withdraw_all(config, &claims);
	end_workers(workers, config->workers);
	log_message(LOG_INFO, "stopped", "every request was answered");
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	if (file_open_standard(true) != ERR_OK)
		return EXIT_FAILURE;
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return help();
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return print(STR("m2m-gateway " M2M_VERSION "\n"));
	if (argc > 1 && strcmp(argv[1], "healthcheck") == 0)
		return healthcheck(argc - 1, argv + 1);
	if (argc > 1)
		return complain(EXIT_USAGE,
				STR("takes no arguments but healthcheck, --help and --version; settings come from the environment"));

	memory_settle();
	sigset_t signals;
	signals_settle(&signals);
	loop_log_start();
	static struct config config;
	struct worker_shared shared = {.trust = NULL};
	struct arena *a = arena_new(1 << 20);
	if (a == NULL || crypto_init() != ERR_OK)
		return complain(EXIT_FAILURE, STR("OpenSSL offers no SHA-256, HMAC, KBKDF or AES-256-GCM"));
	struct sbuf faults = sbuf_in(a, 1024);
	int code = EXIT_SETTINGS;
	if (config_read(a, environ, CONFIG_NEED_DATABASE | CONFIG_NEED_MASTER_KEYS | CONFIG_NEED_LISTENERS, &config, &faults) != ERR_OK ||
	    database_urls_check(&config, &faults) != ERR_OK || trust_open(&config, &shared.trust, &faults) != ERR_OK ||
	    tls_open(&config, &shared.tls, &faults) != ERR_OK || client_authorities_open(&config, &shared.authorities, &faults) != ERR_OK ||
	    web_open(&config, &shared.web, &faults) != ERR_OK) {
		complain(EXIT_SETTINGS, sbuf_str(&faults));
	} else if (trace_open(&config, &shared.trace) != ERR_OK || rate_limits_open(&config, &shared.limits) != ERR_OK ||
		   hash_pool_open(&shared.hashing) != ERR_OK || hash_failures_open(&shared.hash_failures) != ERR_OK) {
		code = complain(EXIT_FAILURE, STR("out of memory"));
	} else {
		log_set_level(config.log_level);
		code = serve(&config, &shared, &signals);
	}
	hash_pool_close(shared.hashing);
	hash_failures_close(shared.hash_failures);
	rate_limits_close(shared.limits);
	trace_close(shared.trace);
	web_close(shared.web);
	trust_close(shared.trust);
	client_authorities_close(shared.authorities);
	tls_close(shared.tls);
	config_wipe(&config);
	arena_wipe_on_free(a);
	arena_free(a);
	libevent_global_shutdown();
	crypto_fini();
	log_writer_end(LOG_END_MS);
	return code;
}
