/* The exporting thread: collect from every ring -> encode -> POST -> wait a second. */
#include "trace/trace.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "trace/encode.h"
#include "trace/queue.h"

#define EXPORT_SPANS    512
#define BODY_MAX        (2 * 1024 * 1024)
#define EVERY_MS        1000
#define TIMEOUT_MS      5000L
#define LAST_TIMEOUT_MS 2000L
#define COMPLAIN_US     INT64_C(60000000)

struct trace {
	const struct config *config;
	struct trace_queue *queues;
	char url[512], instance[300];
	struct curl_slist *headers;
	CURL *easy;
	struct trace_span batch[EXPORT_SPANS];

	pthread_t thread;
	bool running;
	pthread_mutex_t lock; /* over `stopping`, for the condition's sake */
	pthread_cond_t wake;
	bool stopping;
	int64_t complained_us;
	_Atomic uint64_t exported, failed;
};

/* ---- sending ---- */

/* NOLINTNEXTLINE(readability-non-const-parameter): its type is given */
static size_t ignore(char *bytes, size_t one, size_t n, void *arg)
{
	(void)bytes, (void)arg;
	return one * n;
}

static bool set_options(struct trace *t)
{
	CURL *e = t->easy;
	bool good = curl_easy_setopt(e, CURLOPT_URL, t->url) == CURLE_OK;
	good = good && curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
	good = good && curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
	/* giving up doesn't wait for a resolver */
	good = good && curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
	good = good && curl_easy_setopt(e, CURLOPT_USERAGENT, "m2m-gateway/" M2M_VERSION) == CURLE_OK;
	good = good && curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK;
	return good && curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, ignore) == CURLE_OK;
}

static void complain(struct trace *t, unsigned n, const char *why)
{
	int64_t now_us = clock_mono_us();
	if (t->complained_us != 0 && now_us - t->complained_us < COMPLAIN_US)
		return;
	t->complained_us = now_us;
	log_message(LOG_WARN, "traces_dropped", "%u spans to the collector: %s; said once a minute at most", n, why);
}

static bool post(struct trace *t, struct str body, long timeout_ms, unsigned n)
{
	long status = 0;
	CURLcode code = CURLE_OUT_OF_MEMORY;
	if (curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, timeout_ms) == CURLE_OK &&
	    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, body.p) == CURLE_OK &&
	    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE, (long)body.n) == CURLE_OK)
		code = curl_easy_perform(t->easy);
	if (code != CURLE_OK) {
		complain(t, n, curl_easy_strerror(code));
		return false;
	}
	if (curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK && status / 100 == 2)
		return true;
	char text[32];
	snprintf(text, sizeof text, "HTTP status %ld", status);
	complain(t, n, text);
	return false;
}

/* False: there was nothing, or it couldn't be sent, so that what waits may as well wait on. */
static bool export_some(struct trace *t, long timeout_ms)
{
	unsigned n = 0;
	for (struct trace_queue *q = t->queues; q != NULL; q = q->next)
		while (n < EXPORT_SPANS && queue_take(q, &t->batch[n]))
			n++;
	if (n == 0)
		return false;
	struct arena *a = arena_new(BODY_MAX);
	struct sbuf body = a == NULL ? (struct sbuf){.overflow = true} : sbuf_in(a, 65536);
	if (a != NULL)
		encode_spans(&body, str_of(t->instance), t->batch, n);
	struct str text = sbuf_str(&body);
	bool sent = text.p != NULL && post(t, text, timeout_ms, n);
	arena_free(a);
	atomic_fetch_add_explicit(sent ? &t->exported : &t->failed, n, memory_order_relaxed);
	return sent;
}

static void *run(void *arg)
{
	struct trace *t = arg;
	for (bool stopping = false; !stopping;) {
		struct timespec until;
		/* as `wake` does: the time of day may be set back */
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += EVERY_MS / 1000;
		pthread_mutex_lock(&t->lock);
		if (!t->stopping)
			pthread_cond_timedwait(&t->wake, &t->lock, &until);
		stopping = t->stopping;
		pthread_mutex_unlock(&t->lock);
		while (export_some(t, stopping ? LAST_TIMEOUT_MS : TIMEOUT_MS))
			continue;
	}
	return NULL;
}

/* ---- life ---- */

enum err trace_open(const struct config *config, struct trace **ret)
{
	*ret = NULL;
	if (config->otlp_endpoint.p == NULL)
		return ERR_OK;
	struct trace *t = calloc(1, sizeof *t);
	if (t == NULL)
		return ERR_NO_MEMORY;
	t->config = config;
	pthread_mutex_init(&t->lock, NULL);
	pthread_condattr_t by_monotonic_clock;
	pthread_condattr_init(&by_monotonic_clock);
	pthread_condattr_setclock(&by_monotonic_clock, CLOCK_MONOTONIC);
	pthread_cond_init(&t->wake, &by_monotonic_clock);
	pthread_condattr_destroy(&by_monotonic_clock);
	char host[256] = "";
	gethostname(host, sizeof host - 1);
	snprintf(t->instance, sizeof t->instance, "%s-%ld", host, (long)getpid());
	snprintf(t->url, sizeof t->url, "%.*s/v1/traces", STR_ARG(config->otlp_endpoint));
	t->headers = curl_slist_append(NULL, "Content-Type: application/json");
	t->easy = curl_easy_init();
	if (t->headers == NULL || t->easy == NULL || !set_options(t)) {
		trace_close(t);
		return ERR_NO_MEMORY;
	}
	*ret = t;
	return ERR_OK;
}

struct trace_queue *trace_queue_new(struct trace *t)
{
	struct trace_queue *q = t == NULL ? NULL : calloc(1, sizeof *q);
	if (q == NULL)
		return NULL;
	if (getrandom(&q->random, sizeof q->random, 0) != sizeof q->random) {
		free(q);
		return NULL;
	}
	q->trace = t;
	q->percent = t->config->trace_percent;
	q->next = t->queues;
	t->queues = q;
	return q;
}

/* Signals are the main thread's. */
enum err trace_start(struct trace *t)
{
	sigset_t all, before;
	if (t == NULL)
		return ERR_OK;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(&t->thread, NULL, run, t);
	t->running = error == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return t->running ? ERR_OK : ERR_OVERLOADED;
}

void trace_close(struct trace *t)
{
	if (t == NULL)
		return;
	pthread_mutex_lock(&t->lock);
	t->stopping = true;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
	if (t->running)
		pthread_join(t->thread, NULL);
	for (struct trace_queue *q; (q = t->queues) != NULL;) {
		t->queues = q->next;
		free(q);
	}
	curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	pthread_cond_destroy(&t->wake);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

bool trace_counts(struct trace *t, struct trace_counts *ret)
{
	if (t == NULL)
		return false;
	*ret = (struct trace_counts){.exported = atomic_load_explicit(&t->exported, memory_order_relaxed),
				     .dropped = atomic_load_explicit(&t->failed, memory_order_relaxed)};
	for (struct trace_queue *q = t->queues; q != NULL; q = q->next)
		ret->dropped += atomic_load_explicit(&q->dropped, memory_order_relaxed);
	return true;
}
