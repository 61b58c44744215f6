#include "tls/client_authorities.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "crypto/digest.h"

#define PEM_MAX (64 * 1024) /* as a setting from a file may have */

struct client_authorities {
	const struct config_pem *pem;
	struct certificate_authorities *set;
	uint8_t seen[SHA256_LEN]; /* of the last text that was looked at */
	bool unreadable;          /* it was, the last time */
};

/* What isn't read from a file can't change. */
static enum err read_first(struct client_authorities *a)
{
	if (sha256(a->pem->text.p, a->pem->text.n, a->seen) != ERR_OK)
		return ERR_CRYPTO;
	return certificate_authorities_set(a->set, a->pem->text);
}

enum err client_authorities_open(const struct config *config, struct client_authorities **ret, struct sbuf *faults)
{
	*ret = NULL;
	if (config->tls_clients.text.p == NULL)
		return ERR_OK;
	struct client_authorities *a = calloc(1, sizeof *a);
	if (a == NULL)
		return ERR_NO_MEMORY;
	a->pem = &config->tls_clients;
	a->set = certificate_authorities_new();
	enum err err = a->set == NULL ? ERR_NO_MEMORY : read_first(a);
	if (err != ERR_OK) {
		sbuf_putz(faults, err == ERR_MALFORMED ? "M2M_TLS_CLIENT_CA doesn't hold PEM certificates only\n" : "out of memory\n");
		client_authorities_close(a);
		return err;
	}
	*ret = a;
	return ERR_OK;
}

void client_authorities_close(struct client_authorities *a)
{
	if (a != NULL)
		certificate_authorities_free(a->set);
	free(a);
}

static void take(struct client_authorities *a, struct str text)
{
	uint8_t digest[SHA256_LEN];
	if (sha256(text.p, text.n, digest) != ERR_OK || memcmp(digest, a->seen, sizeof digest) == 0)
		return;
	enum err err = certificate_authorities_set(a->set, text);
	if (err == ERR_NO_MEMORY)
		return; /* at the next look */
	memcpy(a->seen, digest, sizeof digest);
	if (err == ERR_OK)
		log_message(LOG_INFO, "client_authorities_loaded", "M2M_TLS_CLIENT_CA has changed");
	else
		log_message(LOG_ERROR, "client_authorities_unusable",
			    "those in use stay: M2M_TLS_CLIENT_CA doesn't hold PEM certificates only");
}

void client_authorities_look(struct client_authorities *a)
{
	if (a == NULL || a->pem->path.p == NULL)
		return;
	struct str text = file_read(a->pem->path, PEM_MAX);
	if (text.p == NULL && !a->unreadable)
		log_message(LOG_ERROR, "client_authorities_unusable", "those in use stay: %s", strerror(errno));
	a->unreadable = text.p == NULL;
	if (text.p != NULL)
		take(a, text);
	free((char *)text.p);
}

struct certificate_authorities *client_authorities_set(const struct client_authorities *a)
{
	return a == NULL ? NULL : a->set;
}
