/* m2mctl client key: the public keys that a client's assertions are checked with
 * (private_key_jwt). */
#include "client_credential.h"

#include "base/clock.h"
#include "crypto/client_key.h"
#include "input.h"
#include "output.h"

/* ---- printing ---- */

static int print_key(struct ctl *ctl, const struct registered_credential *k)
{
	const struct field fields[] = {
		field_in_env("M2M_CREDENTIAL_ID", field_text("credential_id", k->credential_id)),
		field_in_env("M2M_CLIENT_ID", field_text("client_id", k->client_id)),
		field_text("kind", STR("key")),
		field_text("name", k->name),
		field_text("kty", k->kty),
		field_text("alg", k->alg),
		field_raw("public_key", k->public_jwk),
		field_time(ctl, "created_at", k->created_at),
		field_time(ctl, "expires_at", k->expires_at),
	};
	return output_record(ctl, fields, sizeof fields / sizeof fields[0]);
}

static int list(struct ctl *ctl, char **args)
{
	enum { COLUMNS = 6 };
	const struct registered_credential *keys = NULL;
	struct whose whose = {STR_NONE, STR_NONE};
	struct client client;
	size_t n = 0;
	const struct option options[] = {WHOSE_ROWS(whose)};
	int status = options_read(ctl, args, options, sizeof options / sizeof options[0], NULL);
	if (status == EXIT_DONE)
		status = check_whose(ctl, &whose, "key");
	if (status == EXIT_DONE)
		status = find_client(ctl, &whose, &client);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_client_credential_list(ctl->db, &client, STR("key"), &keys, &n));
	struct field *fields = status == EXIT_DONE ? arena_alloc(ctl->a, n * COLUMNS * sizeof *fields) : NULL;
	if (fields == NULL)
		return status == EXIT_DONE ? EXIT_FAILED : status;

	for (size_t i = 0; i < n; i++) {
		struct field *row = fields + i * COLUMNS;
		row[0] = field_text("credential_id", keys[i].credential_id);
		row[1] = field_text("kty", keys[i].kty);
		row[2] = field_text("alg", keys[i].alg);
		row[3] = field_time(ctl, "created_at", keys[i].created_at);
		row[4] = field_time(ctl, "expires_at", keys[i].expires_at);
		row[5] = field_text("name", keys[i].name);
	}
	return output_rows(ctl, "keys", fields, COLUMNS, n);
}

/* ---- adding ---- */

struct key_options {
	struct whose whose;
	struct credential_naming naming;
	struct str file;
};

static int read_key(struct ctl *ctl, const struct key_options *o, struct client_credential_spec *ret)
{
	const char *why = NULL;
	struct str text;
	int64_t now = clock_wall_us();
	int status = input_file(ctl, o->file, CLIENT_KEY_TEXT_MAX, &text);
	if (status != EXIT_DONE)
		return status;
	enum err err = client_credential_read_key(ctl->a, text, o->naming.name, end_of(&o->naming, now), now, ret, &why);
	if (err == ERR_OK)
		return EXIT_DONE;
	if (err == ERR_MALFORMED)
		return ctl_usage(ctl, "%s", why);
	ctl_say("the key can't be read: %s", err_info(err)->text);
	return EXIT_FAILED;
}

static int add(struct ctl *ctl, char **args)
{
	struct key_options o = {.file = STR_NONE};
	const struct option options[] = {
		WHOSE_ROWS(o.whose),
		{"--key", OPTION_TEXT, &o.file, 0, 0},
		NAMING_ROWS(o.naming),
	};
	struct client_credential_spec spec;
	struct client client;
	struct registered_credential made;
	int status = options_read(ctl, args, options, sizeof options / sizeof options[0], NULL);
	if (status == EXIT_DONE)
		status = check_whose(ctl, &o.whose, "key");
	if (status == EXIT_DONE && o.file.p == NULL)
		status = ctl_usage(ctl, "which key? Give --key FILE, or --key - for stdin");
	if (status == EXIT_DONE)
		status = check_naming(ctl, &o.naming);
	if (status == EXIT_DONE)
		status = read_key(ctl, &o, &spec);
	if (status == EXIT_DONE)
		status = find_client(ctl, &o.whose, &client);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_client_credential_add(ctl->db, &client, &spec, &made));
	return status == EXIT_DONE ? print_key(ctl, &made) : status;
}

/* ---- removing ---- */

static int remove_key(struct ctl *ctl, char **args)
{
	struct str credential_id = STR_NONE;
	struct whose whose = {STR_NONE, STR_NONE};
	struct client client;
	struct registered_credential removed;
	const struct option options[] = {WHOSE_ROWS(whose)};
	int status = options_read(ctl, args, options, sizeof options / sizeof options[0], &credential_id);
	if (status == EXIT_DONE && credential_id.p == NULL)
		status = ctl_usage(ctl, "which key? Give its CREDENTIAL_ID; `m2mctl client key list` has them");
	if (status == EXIT_DONE)
		status = check_whose(ctl, &whose, "key");
	if (status == EXIT_DONE)
		status = find_client(ctl, &whose, &client);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_client_credential_remove(ctl->db, &client, credential_id, STR("key"), &removed));
	return status == EXIT_DONE ? print_key(ctl, &removed) : status;
}

const struct command client_key_commands[] = {
	{"client key", "add", WHOSE_USAGE " --key FILE [--name NAME] [--expires-in SECONDS|--expires-at TIME]",
	 "Registers a public key with which the client may authenticate (private_key_jwt)",
	 WHOSE_HELP
	 "  --key FILE            the public key: a JWK, a JWK Set of one key, or PEM (a public key or a certificate); - is stdin\n"
	 "  --name NAME           for people\n"
	 "  --expires-in SECONDS  how long the key is good, up to 315360000; without an end when not given\n"
	 "  --expires-at TIME     the same as a time, such as 2027-01-31T00:00:00Z\n\n"
	 "RSA from 2048 to 4096 bits, EC P-256 and Ed25519. A JWK's alg binds the key to that algorithm. The client may then show a key "
	 "or its secret;\n`m2mctl client set --auth-method key` leaves it the key alone. A client has up to 8 keys.\n\n"
	 "Example:\n  openssl ecparam -name prime256v1 -genkey -noout -out acme.key\n"
	 "  openssl ec -in acme.key -pubout | m2mctl client key add --org acme --key - --name 'Build server'\n",
	 add},
	{"client key", "list", WHOSE_USAGE, "Lists the client's keys, those too whose end has come",
	 WHOSE_HELP "\nExample:\n  m2mctl client key list --org acme\n", list},
	{"client key", "remove", "CREDENTIAL_ID " WHOSE_USAGE, "Ends a key for good: no token is issued for it from then on",
	 WHOSE_HELP "\nAn id that begins with a hyphen stands behind --, at the end of the line.\n\n"
		    "Example:\n  m2mctl client key remove --org acme -- NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs\n",
	 remove_key},
	{"client key", NULL, NULL, NULL, NULL, NULL},
};
