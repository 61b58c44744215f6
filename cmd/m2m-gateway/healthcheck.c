#include "healthcheck.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "crypto/digest.h"

#define TIMEOUT_MS 3000L

struct answer {
	char text[128];
	size_t n;
};

static size_t take(char *bytes, size_t one, size_t n, void *arg)
{
	struct answer *a = arg;
	size_t room = sizeof a->text - 1 - a->n;
	size_t kept = n < room ? n : room;
	memcpy(a->text + a->n, bytes, kept);
	a->n += kept;
	return one * n;
}

static int complain(int code, const char *what, const char *why)
{
	fprintf(stderr, "m2m-gateway: %s%s%.*s\n", what, *why == '\0' ? "" : ": ", (int)strcspn(why, "\n"), why);
	return code;
}

/* Where a listener of any address is reached from the same machine. */
static void url_of(const struct config_listen *ops, bool tls, const char *path, char *out, size_t n)
{
	if (ops->local) {
		snprintf(out, n, "http://localhost%s", path);
		return;
	}
	const char *host = strcmp(ops->host, "0.0.0.0") == 0 ? "127.0.0.1" : strcmp(ops->host, "::") == 0 ? "::1" : ops->host;
	bool v6 = strchr(host, ':') != NULL;
	snprintf(out, n, "%s://%s%s%s:%u%s", tls ? "https" : "http", v6 ? "[" : "", host, v6 ? "]" : "", ops->port, path);
}

/* `socket_path`: of a unix socket; NULL: none. */
static int ask(const char *url, const char *socket_path)
{
	struct answer answer = {{0}, 0};
	char error[CURL_ERROR_SIZE] = "";
	long status = 0;
	CURL *e = curl_easy_init();
	bool good = e != NULL && curl_easy_setopt(e, CURLOPT_URL, url) == CURLE_OK &&
		    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, TIMEOUT_MS) == CURLE_OK &&
		    curl_easy_setopt(e, CURLOPT_NOPROXY, "*") == CURLE_OK &&
		    curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, socket_path) == CURLE_OK &&
		    /* it is our own port, and its certificate is made out to the name that
		     * clients use */
		    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L) == CURLE_OK &&
		    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L) == CURLE_OK &&
		    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, error) == CURLE_OK &&
		    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
		    curl_easy_setopt(e, CURLOPT_WRITEDATA, &answer) == CURLE_OK && curl_easy_perform(e) == CURLE_OK &&
		    curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK;
	curl_easy_cleanup(e);
	if (!good)
		return complain(EXIT_FAILURE, url, *error == '\0' ? "no answer" : error);
	if (status != 200)
		return complain(EXIT_FAILURE, url, answer.text);
	return EXIT_SUCCESS;
}

int healthcheck(int argc, char **argv)
{
	const char *path = "/readyz";
	if (argc == 2 && strcmp(argv[1], "--live") == 0)
		path = "/livez";
	else if (argc == 2 && strcmp(argv[1], "--startup") == 0)
		path = "/startupz";
	else if (argc != 1)
		return complain(2, "healthcheck takes --live or --startup, or nothing", "");

	static struct config config;
	char url[320], socket_path[sizeof config.ops.at[0].host] = "", text[1024];
	struct sbuf faults = sbuf_fixed(text, sizeof text);
	struct arena *a = arena_new(1 << 20);
	if (a == NULL || crypto_init() != ERR_OK)
		return complain(EXIT_FAILURE, "out of memory", "");
	arena_wipe_on_free(a);
	enum err err = config_read(a, environ, 0, &config, &faults);
	if (err == ERR_OK)
		url_of(&config.ops.at[0], config.ops.tls, path, url, sizeof url);
	if (err == ERR_OK && config.ops.at[0].local)
		memcpy(socket_path, config.ops.at[0].host, sizeof socket_path);
	config_wipe(&config);
	arena_free(a);
	int code = err == ERR_OK ? ask(url, *socket_path == '\0' ? NULL : socket_path) : complain(3, "the settings", text);
	crypto_fini();
	return code;
}
