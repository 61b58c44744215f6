/* Many organizations with a client each, as m2mctl would make them, but in PostgreSQL's text
 * copy format and at a million in some seconds.
 *
 *   make_clients MASTER_KEYS_FILE CLIENTS KNOWN DIR
 *
 * Writes DIR/organization, DIR/client and DIR/client_secret, which `copy` takes (the columns are
 * listed in tests/bench/run), and DIR/bodies: the form bodies of token requests of KNOWN of
 * them, spread evenly. The others' verifiers are random bytes, which no secret has: they are
 * there to be searched past. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "crypto/secret.h"

static struct {
	FILE *organization, *client, *secret, *bodies;
} out;

static FILE *create(const char *dir, const char *name)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return fopen(path, "w");
}

static void put_hex(FILE *f, const uint8_t *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	fputs("\\\\x", f);
	for (size_t i = 0; i < n; i++) {
		putc_unlocked(digits[p[i] >> 4], f);
		putc_unlocked(digits[p[i] & 15], f);
	}
}

static enum err make_client(const struct master_key *key, long number, bool known)
{
	char client_id[CLIENT_ID_LEN], secret[SECRET_LEN], organization[UUID_TEXT_LEN], hint[SECRET_HINT_LEN] = {'x', 'x', 'x', 'x'};
	uint8_t verifier[SHA256_LEN];
	struct secret_params params = {
		.organization_id = uuid_v7(clock_wall_us()), .client_id = {client_id, sizeof client_id}, .version = 1};
	enum err err = client_id_make(client_id);
	if (err == ERR_OK)
		err = crypto_random(params.salt, sizeof params.salt);
	if (err == ERR_OK && known)
		err = secret_derive(key, &params, secret);
	if (err == ERR_OK)
		err = known ? secret_verifier(key, params.client_id, str_from(secret, sizeof secret), verifier)
			    : crypto_random(verifier, sizeof verifier);
	if (err != ERR_OK)
		return err;
	if (known)
		secret_hint(secret, hint);
	uuid_format(params.organization_id, organization);
	fprintf(out.organization, "%.*s\torg-%ld\tOrganization %ld\n", (int)sizeof organization, organization, number, number);
	fprintf(out.client, "%.*s\t%.*s\tt\t{api}\t{public-api}\t1\n", CLIENT_ID_LEN, client_id, (int)sizeof organization, organization);
	fprintf(out.secret, "%.*s\t1\t%s\t", CLIENT_ID_LEN, client_id, key->key_id);
	put_hex(out.secret, params.salt, sizeof params.salt);
	fputc('\t', out.secret);
	put_hex(out.secret, verifier, sizeof verifier);
	fprintf(out.secret, "\t%.*s\n", SECRET_HINT_LEN, hint);
	if (known)
		fprintf(out.bodies, "grant_type=client_credentials&client_id=%.*s&client_secret=%.*s\n", CLIENT_ID_LEN, client_id,
			SECRET_LEN, secret);
	return ERR_OK;
}

int main(int argc, char **argv)
{
	struct master_ring ring;
	long clients = argc == 5 ? strtol(argv[2], NULL, 10) : 0;
	long known = argc == 5 ? strtol(argv[3], NULL, 10) : 0;
	if (clients < 1 || known < 1 || known > clients) {
		fputs("make_clients MASTER_KEYS_FILE CLIENTS KNOWN DIR\n", stderr);
		return 2;
	}
	struct str keys = file_read(str_of(argv[1]), 4096);
	if (keys.p == NULL || crypto_init() != ERR_OK || master_ring_parse(keys, &ring, NULL) != ERR_OK) {
		fputs("make_clients: no master keys\n", stderr);
		return 1;
	}
	out.organization = create(argv[4], "organization");
	out.client = create(argv[4], "client");
	out.secret = create(argv[4], "client_secret");
	out.bodies = create(argv[4], "bodies");
	bool good = out.organization != NULL && out.client != NULL && out.secret != NULL && out.bodies != NULL;
	for (long i = 0; good && i < clients; i++)
		good = make_client(&ring.keys[0], i, i * known / clients != (i + 1) * known / clients) == ERR_OK;
	FILE *const files[] = {out.organization, out.client, out.secret, out.bodies};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		good = files[i] != NULL && fclose(files[i]) == 0 && good;
	free((char *)keys.p);
	if (!good)
		fputs("make_clients: can't write\n", stderr);
	return good ? 0 : 1;
}
