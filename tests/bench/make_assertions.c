/* Clients' keys, and the form bodies of token requests that assertions of theirs authenticate
 * (private_key_jwt): each body has an assertion of its own, which no other request can show.
 *
 *   make_assertions keys DIR <CLIENT_IDS
 *   make_assertions bodies DIR ISSUER COUNT SECONDS
 *
 * The first makes an ES256 key for each client id, one a line, and writes DIR/client_credential,
 * which `copy m2m.client_credential (client_id, credential_id, kind, public_jwk)` takes, and
 * DIR/keys. The second goes round those keys and writes COUNT bodies to DIR/assertions; the
 * assertions are good for so many seconds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/uuid.h"
#include "crypto/client_key.h"
#include "crypto/digest.h"
#include "crypto/jwt.h"
#include "crypto/signing_key.h"

#define CLIENTS_MAX 100000
#define DER_MAX     512

static FILE *open_in(const char *dir, const char *name, const char *mode)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return fopen(path, mode);
}

/* ---- keys ---- */

static bool make_key(struct arena *a, const char *client_id, FILE *rows, FILE *keys)
{
	struct signing_key *key = NULL;
	struct client_key registered;
	const char *why = NULL;
	struct sbuf jwk = sbuf_in(a, 1024);
	struct str der;
	bool good = signing_key_generate(JWT_ES256, &key) == ERR_OK && signing_key_public_jwk(key, &jwk) == ERR_OK &&
		    client_key_read(a, sbuf_str(&jwk), &registered, &why) == ERR_OK && signing_key_to_der(key, a, &der) == ERR_OK;
	if (good) {
		fprintf(rows, "%s\t%s\tkey\t%.*s\n", client_id, registered.thumbprint_text, STR_ARG(registered.jwk));
		fprintf(keys, "%s ", client_id);
		for (size_t i = 0; i < der.n; i++)
			fprintf(keys, "%02x", (unsigned char)der.p[i]);
		fputc('\n', keys);
	}
	signing_key_free(key);
	return good;
}

static bool make_keys(struct arena *a, const char *dir)
{
	char line[128];
	FILE *rows = open_in(dir, "client_credential", "w");
	FILE *keys = open_in(dir, "keys", "w");
	bool good = rows != NULL && keys != NULL;
	while (good && fgets(line, sizeof line, stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		good = make_key(a, line, rows, keys);
		arena_reset(a);
	}
	good = rows != NULL && fclose(rows) == 0 && good;
	return keys != NULL && fclose(keys) == 0 && good;
}

/* ---- bodies ---- */

struct owner {
	char client_id[64];
	struct signing_key *key;
};

static bool read_owner(const char *line, struct owner *ret)
{
	char der[DER_MAX];
	const char *hex = strchr(line, ' ');
	size_t n = 0;
	if (hex == NULL || (size_t)(hex - line) >= sizeof ret->client_id)
		return false;
	snprintf(ret->client_id, sizeof ret->client_id, "%.*s", (int)(hex - line), line);
	for (hex++; n < sizeof der && hex_digit(hex[0]) >= 0 && hex_digit(hex[1]) >= 0; hex += 2)
		der[n++] = (char)(hex_digit(hex[0]) << 4 | hex_digit(hex[1]));
	return signing_key_from_der(JWT_ES256, str_from(der, n), &ret->key) == ERR_OK;
}

static size_t read_owners(const char *dir, struct owner *owners)
{
	char line[2 * DER_MAX + 128];
	size_t n = 0;
	FILE *keys = open_in(dir, "keys", "r");
	while (keys != NULL && n < CLIENTS_MAX && fgets(line, sizeof line, keys) != NULL)
		if (!read_owner(line, &owners[n++]))
			return 0;
	if (keys != NULL)
		fclose(keys);
	return n;
}

static bool put_body(FILE *out, const struct owner *owner, const char *issuer, long seconds)
{
	char claims[1024], text[4096], jti[UUID_TEXT_LEN];
	struct sbuf assertion = sbuf_fixed(text, sizeof text);
	int64_t now = clock_wall_us();
	uuid_format(uuid_v7(now), jti);
	snprintf(claims, sizeof claims, "{\"iss\":\"%s\",\"sub\":\"%s\",\"aud\":\"%s\",\"exp\":%lld,\"iat\":%lld,\"jti\":\"%.*s\"}",
		 owner->client_id, owner->client_id, issuer, (long long)(now / 1000000 + seconds), (long long)(now / 1000000),
		 (int)sizeof jti, jti);
	if (jwt_sign(owner->key, false, str_of(claims), &assertion) != ERR_OK)
		return false;
	fprintf(out,
		"grant_type=client_credentials&client_assertion_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3Aclient-assertion-type%%3Ajwt-bearer"
		"&client_assertion=%.*s\n",
		STR_ARG(sbuf_str(&assertion)));
	return true;
}

static bool make_bodies(const char *dir, const char *issuer, long count, long seconds)
{
	static struct owner owners[CLIENTS_MAX];
	size_t n = read_owners(dir, owners);
	FILE *out = n == 0 ? NULL : open_in(dir, "assertions", "w");
	bool good = out != NULL;
	for (long i = 0; good && i < count; i++)
		good = put_body(out, &owners[(size_t)i % n], issuer, seconds);
	return out != NULL && fclose(out) == 0 && good;
}

int main(int argc, char **argv)
{
	struct arena *a = arena_new(1 << 16);
	bool good = false;
	if (a == NULL || crypto_init() != ERR_OK)
		return 1;
	if (argc == 3 && strcmp(argv[1], "keys") == 0) {
		good = make_keys(a, argv[2]);
	} else if (argc == 6 && strcmp(argv[1], "bodies") == 0) {
		good = make_bodies(argv[2], argv[3], strtol(argv[4], NULL, 10), strtol(argv[5], NULL, 10));
	} else {
		fputs("make_assertions keys DIR | bodies DIR ISSUER COUNT SECONDS\n", stderr);
		return 2;
	}
	arena_free(a);
	if (!good)
		fputs("make_assertions: can't make them\n", stderr);
	return good ? 0 : 1;
}
