/* Whether an authority vouches is OpenSSL's to say (RFC 5280 section 6), for the purpose of a TLS
 * client. Whatever the chain needs between the client and an authority the client sends, or the
 * file of authorities has. */
#include "crypto/client_certificate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "base/sbuf.h"
#include "base/starved.h"
#include "crypto/certificate.h"

#define X5T             "x5t#S256:"
#define VERDICT_LIFE_S  60 /* what an intermediate's end may be noticed late */
#define SECURITY_LEVEL  2  /* keys and signatures of 112 bits at least, as TLS itself asks */
#define NAME_LENGTH_MAX 1024
#define NAMES_ARENA_MAX (1024 * 1024)

/* ---- authorities ---- */

struct certificate_authorities {
	pthread_mutex_t lock; /* over `store`, held for an instant */
	X509_STORE *store;    /* NULL: none */
	_Atomic uint64_t generation;
};

struct certificate_authorities *certificate_authorities_new(void)
{
	struct certificate_authorities *set = calloc(1, sizeof *set);
	if (set != NULL)
		pthread_mutex_init(&set->lock, NULL);
	return set;
}

void certificate_authorities_free(struct certificate_authorities *set)
{
	if (set == NULL)
		return;
	X509_STORE_free(set->store);
	pthread_mutex_destroy(&set->lock);
	free(set);
}

/* For a PEM block that says it is encrypted OpenSSL would ask at the terminal. */
/* NOLINTNEXTLINE(readability-non-const-parameter): its type is given */
static int no_passphrase(char *buf, int n, int writing, void *arg)
{
	(void)buf, (void)n, (void)writing, (void)arg;
	return -1;
}

/* Each of the text's certificates into the store. */
static bool add_all(X509_STORE *store, BIO *in)
{
	unsigned n = 0;
	bool taken = true;
	for (X509 *ca; taken && (ca = PEM_read_bio_X509(in, NULL, no_passphrase, NULL)) != NULL; n++) {
		certificate_decode_extensions(ca);
		taken = X509_STORE_add_cert(store, ca) == 1;
		X509_free(ca);
	}
	return taken && n > 0 && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
}

enum err certificate_authorities_set(struct certificate_authorities *set, struct str pem)
{
	BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509_STORE *fresh = X509_STORE_new();
	enum err err = in == NULL || fresh == NULL ? ERR_NO_MEMORY : ERR_OK;
	unsigned long starved = starved_count();
	ERR_clear_error();
	if (err == ERR_OK && !add_all(fresh, in))
		err = ERR_MALFORMED;
	err = starved_err(err, starved);
	ERR_clear_error();
	BIO_free(in);
	if (err != ERR_OK) {
		X509_STORE_free(fresh);
		return err;
	}
	pthread_mutex_lock(&set->lock);
	X509_STORE *before = set->store;
	set->store = fresh;
	pthread_mutex_unlock(&set->lock);
	atomic_fetch_add_explicit(&set->generation, 1, memory_order_release);
	X509_STORE_free(before);
	return ERR_OK;
}

/* For one verification; X509_STORE_free lets go of it. NULL: there are none. */
static X509_STORE *take_store(struct certificate_authorities *set)
{
	pthread_mutex_lock(&set->lock);
	X509_STORE *store = set->store;
	if (store != NULL)
		X509_STORE_up_ref(store);
	pthread_mutex_unlock(&set->lock);
	return store;
}

/* ---- a client's certificate ---- */

struct client_certificate {
	struct certificate *own;
	X509 *x509;
	STACK_OF(X509) * chain; /* NULL: it sent none */
	char x5t[sizeof X5T + THUMBPRINT_TEXT_LEN];
	struct str names; /* malloc'd; absent: not asked for yet */
	/* the verdict */
	bool judged, vouched;
	uint64_t generation; /* of the authorities that gave it */
	int64_t judged_at, until;
};

/* Takes `own` over. */
static enum err make(struct certificate *own, struct client_certificate **ret)
{
	struct client_certificate *c = starved_unless(calloc(1, sizeof *c));
	if (c == NULL) {
		certificate_free(own);
		return ERR_NO_MEMORY;
	}
	c->own = own;
	c->x509 = certificate_x509(own);
	snprintf(c->x5t, sizeof c->x5t, X5T "%.*s", STR_ARG(certificate_thumbprint(own)));
	*ret = c;
	return ERR_OK;
}

enum err client_certificate_from_chain(X509 *own, STACK_OF(X509) * chain, struct client_certificate **ret)
{
	struct certificate *read = NULL;
	struct client_certificate *made = NULL;
	unsigned char *der = NULL;
	int n = i2d_X509(own, &der);
	unsigned long starved = starved_count();
	for (int i = 0; chain != NULL && i < sk_X509_num(chain); i++)
		certificate_decode_extensions(sk_X509_value(chain, i));
	if (starved_count() != starved) {
		OPENSSL_free(der);
		return ERR_NO_MEMORY;
	}
	enum err err = n > 0 ? certificate_from_der(str_from(der, (size_t)n), &read) : ERR_NO_MEMORY;
	OPENSSL_free(der);
	if (err == ERR_OK)
		err = make(read, &made);
	if (err != ERR_OK)
		return err;
	made->chain = chain == NULL ? NULL : X509_chain_up_ref(chain);
	if (chain != NULL && made->chain == NULL) {
		client_certificate_free(made);
		return ERR_NO_MEMORY;
	}
	*ret = made;
	return ERR_OK;
}

/* A byte sequence (RFC 8941 section 3.3.5). */
static enum err read_item(struct str item, struct certificate **ret)
{
	struct arena *a = arena_new(2 * CERTIFICATE_DER_MAX);
	struct str der;
	enum err err = a == NULL ? ERR_NO_MEMORY : certificate_field_decode(item, a, &der);
	if (err == ERR_OK)
		err = certificate_from_der(der, ret);
	arena_free(a);
	return err == ERR_TOO_LARGE ? ERR_MALFORMED : err;
}

static enum err chain_item(struct client_certificate *c, struct str item)
{
	struct certificate *read = NULL;
	if (sk_X509_num(c->chain) >= CLIENT_CERTIFICATE_CHAIN_MAX)
		return ERR_MALFORMED;
	enum err err = read_item(item, &read);
	if (err != ERR_OK)
		return err;
	X509 *x509 = certificate_x509(read);
	X509_up_ref(x509);
	certificate_free(read);
	if (sk_X509_push(c->chain, x509) > 0)
		return ERR_OK;
	X509_free(x509);
	return ERR_NO_MEMORY;
}

static enum err chain_lines(struct client_certificate *c, const struct str *lines, size_t n)
{
	enum err err = ERR_OK;
	c->chain = sk_X509_new_null();
	if (c->chain == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < n; i++) {
		struct str line = lines[i];
		for (struct str item; err == ERR_OK && (item = str_split(&line, ',')).p != NULL;)
			err = chain_item(c, item);
	}
	return err;
}

enum err client_certificate_from_field(struct str value, const struct str *chain, size_t lines, struct client_certificate **ret)
{
	struct certificate *read = NULL;
	struct client_certificate *made = NULL;
	enum err err = read_item(value, &read);
	if (err == ERR_OK)
		err = make(read, &made);
	if (err == ERR_OK && lines > 0)
		err = chain_lines(made, chain, lines);
	if (err == ERR_OK)
		*ret = made;
	else
		client_certificate_free(made);
	return err;
}

void client_certificate_free(struct client_certificate *c)
{
	if (c == NULL)
		return;
	free((char *)c->names.p);
	sk_X509_pop_free(c->chain, X509_free);
	certificate_free(c->own);
	free(c);
}

/* ---- what it is worth ---- */

/* The second from which on some certificate of the chain is no good any more. */
static int64_t end_of(STACK_OF(X509) * chain)
{
	int64_t end = INT64_MAX;
	for (int i = 0; i < sk_X509_num(chain); i++) {
		struct tm tm = {0};
		if (ASN1_TIME_to_tm(X509_get0_notAfter(sk_X509_value(chain, i)), &tm) != 1)
			return 0;
		int64_t last = timegm(&tm);
		end = last < end ? last : end;
	}
	return end;
}

static bool is_vouched_for(const struct client_certificate *c, X509_STORE *store, int64_t now, int64_t *ret_until)
{
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	bool good = context != NULL && X509_STORE_CTX_init(context, store, c->x509, c->chain) == 1 &&
		    X509_STORE_CTX_set_default(context, "ssl_client") == 1;
	if (good) {
		X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(context);
		X509_VERIFY_PARAM_set_time(rules, (time_t)now);
		X509_VERIFY_PARAM_set_depth(rules, CLIENT_CERTIFICATE_CHAIN_MAX);
		X509_VERIFY_PARAM_set_auth_level(rules, SECURITY_LEVEL);
		good = X509_verify_cert(context) == 1;
	}
	if (good)
		*ret_until = end_of(X509_STORE_CTX_get0_chain(context));
	X509_STORE_CTX_free(context);
	ERR_clear_error();
	return good;
}

static bool is_fresh(const struct client_certificate *c, uint64_t generation, int64_t now)
{
	return c->judged && c->generation == generation && now >= c->judged_at && now - c->judged_at < VERDICT_LIFE_S && now <= c->until;
}

static bool vouched(struct client_certificate *c, struct certificate_authorities *set, int64_t now)
{
	uint64_t generation = atomic_load_explicit(&set->generation, memory_order_acquire);
	if (is_fresh(c, generation, now))
		return c->vouched;
	unsigned long starved = starved_count();
	X509_STORE *store = take_store(set);
	c->until = INT64_MAX;
	c->vouched = store != NULL && is_vouched_for(c, store, now, &c->until);
	c->judged = starved_count() == starved;
	c->generation = generation;
	c->judged_at = now;
	X509_STORE_free(store);
	return c->vouched;
}

/* Of a kind of which it has too many none counts. */
static void put_names(const struct client_certificate *c, enum certificate_name kind, struct arena *a, struct sbuf *out)
{
	const struct str *names = NULL;
	size_t n = 0;
	if (certificate_names(c->own, kind, a, &names, &n) != ERR_OK)
		return;
	for (size_t i = 0; i < n; i++)
		if (names[i].n <= NAME_LENGTH_MAX)
			sbuf_printf(out, "%s%s:%.*s", out->n > 0 ? "\n" : "", certificate_name_parameter(kind), STR_ARG(names[i]));
}

/* Once. Where there was no memory they are absent, and asked for again. */
static void read_names(struct client_certificate *c)
{
	unsigned long starved = starved_count();
	struct arena *a = arena_new(NAMES_ARENA_MAX);
	if (a == NULL)
		return;
	struct sbuf all = sbuf_in(a, 256);
	for (int kind = 0; kind < CERTIFICATE_NAME_COUNT; kind++)
		put_names(c, (enum certificate_name)kind, a, &all);
	bool complete = starved_count() == starved && !arena_overflowed(a) && !all.overflow;
	char *copy = !complete ? NULL : starved_unless(malloc(all.n + 1));
	if (copy != NULL)
		c->names = str_from(memcpy(copy, all.p, all.n), all.n);
	arena_free(a);
}

static struct str names_of(struct client_certificate *c)
{
	if (c->names.p == NULL)
		read_names(c);
	return c->names.n > 0 ? c->names : STR_NONE;
}

struct client_certificate_worth client_certificate_judge(struct client_certificate *c, struct certificate_authorities *set, int64_t now)
{
	struct client_certificate_worth worth = {.x5t = STR_NONE, .names = STR_NONE};
	if (now < certificate_not_before(c->own) || now > certificate_not_after(c->own))
		return worth;
	worth.x5t = str_of(c->x5t);
	if (set != NULL && vouched(c, set, now))
		worth.names = names_of(c);
	return worth;
}
