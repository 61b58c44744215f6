/* m2mctl client key: the public keys that a client's assertions are checked with
 * (private_key_jwt). */
#include "operator/client_credential.h"

#include "base/clock.h"
#include "credential_options.h"
#include "crypto/client_key.h"
#include "crypto/signing_key.h"
#include "ctl.h"
#include "input.h"
#include "operator/client.h"
#include "options.h"
#include "output.h"
#include "private_file.h"

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

enum { COLUMNS = 8 };

static void put_row(struct ctl *ctl, const struct registered_credential *c, struct field *row)
{
	row[0] = field_text("credential_id", c->credential_id);
	row[1] = field_text("kty", c->kty);
	row[2] = field_text("alg", c->alg);
	row[3] = field_time(ctl, "created_at", c->created_at);
	row[4] = field_time(ctl, "expires_at", c->expires_at);
	row[5] = field_time(ctl, "last_used_at", c->last_use.at);
	row[6] = field_text("last_used_from", c->last_use.remote_addr);
	row[7] = field_text("name", c->name);
}

static const struct credential_kind client_key = {"key", "keys", print_key, COLUMNS, put_row};

static int list(struct ctl *ctl, char **args)
{
	return list_credentials(ctl, args, &client_key);
}

/* ---- adding ---- */

struct key_options {
	struct credential_owner whose;
	struct str file, name;
	struct credential_end end;
};

static int read_key(struct ctl *ctl, const struct key_options *o, struct client_credential_spec *ret)
{
	const char *why = NULL;
	struct str text;
	int64_t now = clock_wall_us();
	int status = input_file(ctl, o->file, CLIENT_KEY_TEXT_MAX, &text);
	if (status != EXIT_DONE)
		return status;
	enum err err = client_credential_read_key(ctl->a, text, o->name, credential_end_us(&o->end, now), now, ret, &why);
	return credential_read_ended(ctl, &client_key, err, why);
}

static int add(struct ctl *ctl, char **args)
{
	struct key_options o = {.file = STR_NONE};
	const struct option options[] = {
		CREDENTIAL_OWNER_ROWS(o.whose),
		{"--key", OPTION_TEXT, &o.file, 0, 0},
		{"--name", OPTION_TEXT, &o.name, 0, 0},
		CREDENTIAL_END_ROWS(o.end),
	};
	struct client_credential_spec spec;
	struct client client;
	int status = read_credential_options(ctl, args, options, sizeof options / sizeof options[0], &o.whose, &client_key);
	if (status == EXIT_DONE && o.file.p == NULL)
		status = ctl_usage(ctl, "which key? Give --key FILE, or --key - for stdin");
	if (status == EXIT_DONE)
		status = check_credential_end(ctl, &o.end);
	if (status == EXIT_DONE)
		status = read_key(ctl, &o, &spec);
	if (status == EXIT_DONE)
		status = find_credential_owner(ctl, &o.whose, &client);
	return status == EXIT_DONE ? add_credential(ctl, &client, &spec, &client_key) : status;
}

/* ---- generating ---- */

#define PRIVATE_KEY_MAX 8192

struct pair_options {
	struct key_options key; /* `file`: where the private key goes */
	struct str alg, format;
};

/* Both halves of a new key: the private one as it is written, the other as it is registered. */
static int make_pair(struct ctl *ctl, const struct pair_options *o, struct str *ret_private, struct client_credential_spec *ret)
{
	enum jwt_alg alg = JWT_ES256;
	struct signing_key *key = NULL;
	const char *why = NULL;
	struct sbuf public = sbuf_in(ctl->a, 1024);
	struct sbuf private = sbuf_in(ctl->a, PRIVATE_KEY_MAX);
	int64_t now = clock_wall_us();
	bool jwk = str_eq(o->format, STR("jwk"));
	enum err err = o->alg.p == NULL ? ERR_OK : jwt_alg_of(o->alg, &alg);
	if (err == ERR_OK)
		err = signing_key_generate(alg, &key);
	if (err == ERR_OK)
		err = signing_key_public_jwk(key, &public);
	if (err == ERR_OK)
		err = jwk ? signing_key_private_jwk(key, &private) : signing_key_private_pem(key, &private);
	signing_key_free(key);
	if (err == ERR_OK && jwk)
		sbuf_putc(&private, '\n');
	if (err == ERR_OK)
		err = client_credential_read_key(ctl->a, sbuf_str(&public), o->key.name, credential_end_us(&o->key.end, now), now, ret,
						 &why);
	if (err == ERR_MALFORMED)
		return ctl_usage(ctl, "%s", why);
	*ret_private = sbuf_str(&private);
	if (err == ERR_OK && ret_private->p != NULL)
		return EXIT_DONE;
	ctl_say("the key can't be made: %s", err_info(err)->text);
	return EXIT_FAILED;
}

/* On stdout the private key stands alone; what was registered is said to the person. */
static int print_private(struct ctl *ctl, const struct registered_credential *made, struct str private)
{
	struct sbuf out = sbuf_in(ctl->a, private.n);
	sbuf_put(&out, private);
	int status = output_text(&out);
	if (status == EXIT_DONE)
		ctl_say("registered as %.*s", STR_ARG(made->credential_id));
	else
		ctl_say("nobody has the private key of %.*s now: remove it", STR_ARG(made->credential_id));
	return status;
}

static int register_pair(struct ctl *ctl, const struct pair_options *o, const struct client *client)
{
	struct client_credential_spec spec = {.name = STR_NONE};
	struct registered_credential made = {.name = STR_NONE};
	struct str private = STR_NONE;
	bool to_stdout = str_eq(o->key.file, STR("-"));
	int status = make_pair(ctl, o, &private, &spec);
	if (status == EXIT_DONE && !to_stdout)
		status = private_file_make(ctl, o->key.file, private);
	if (status != EXIT_DONE)
		return status;
	status = ctl_ended(ctl, operator_client_credential_add(ctl->db, client, &spec, &made));
	if (status != EXIT_DONE && !to_stdout)
		private_file_remove(ctl, o->key.file);
	if (status != EXIT_DONE)
		return status;
	return to_stdout ? print_private(ctl, &made, private) : print_key(ctl, &made);
}

static int generate(struct ctl *ctl, char **args)
{
	struct pair_options o = {.alg = STR_NONE};
	const struct option options[] = {
		CREDENTIAL_OWNER_ROWS(o.key.whose),         {"--private", OPTION_TEXT, &o.key.file, 0, 0},
		{"--alg", OPTION_TEXT, &o.alg, 0, 0},       {"--format", OPTION_TEXT, &o.format, 0, 0},
		{"--name", OPTION_TEXT, &o.key.name, 0, 0}, CREDENTIAL_END_ROWS(o.key.end),
	};
	struct client client;
	int status = read_credential_options(ctl, args, options, sizeof options / sizeof options[0], &o.key.whose, &client_key);
	if (status == EXIT_DONE && o.key.file.p == NULL)
		status = ctl_usage(ctl, "where to? Give --private FILE, or --private - for stdout");
	if (status == EXIT_DONE)
		status = check_credential_end(ctl, &o.key.end);
	if (status == EXIT_DONE)
		status = find_credential_owner(ctl, &o.key.whose, &client);
	return status == EXIT_DONE ? register_pair(ctl, &o, &client) : status;
}

/* ---- removing ---- */

static int remove_key(struct ctl *ctl, char **args)
{
	return remove_credential(ctl, args, &client_key);
}

const struct command client_key_commands[] = {
	{"client key", "add", CREDENTIAL_OWNER_USAGE " --key FILE [--name NAME] [--expires-in SECONDS|--expires-at TIME]",
	 "Registers a public key with which the client may authenticate (private_key_jwt)",
	 CREDENTIAL_OWNER_HELP
	 "  --key FILE            the public key: a JWK, a JWK Set of one key, or PEM (a public key or a certificate); - is stdin\n"
	 "  --name NAME           for people\n"
	 "  --expires-in SECONDS  how long the key is good, up to 315360000; without an end when not given\n"
	 "  --expires-at TIME     the same as a time, such as 2027-01-31T00:00:00Z\n\n"
	 "RSA from 2048 to 4096 bits, EC P-256 and Ed25519. A JWK's alg binds the key to that algorithm. The client may then show a key "
	 "or its secret;\n`m2mctl client set --auth-method key` leaves it the key alone. A client has up to 8 keys.\n\n"
	 "Example:\n  openssl ecparam -name prime256v1 -genkey -noout -out acme.key\n"
	 "  openssl ec -in acme.key -pubout | m2mctl client key add --org acme --key - --name 'Build server'\n",
	 add},
	{"client key", "generate",
	 CREDENTIAL_OWNER_USAGE
	 " --private FILE [--alg ES256|PS256|RS256|EdDSA] [--format pem|jwk] [--name NAME] [--expires-in SECONDS|--expires-at TIME]",
	 "Makes a key pair, writes the private key and registers the public one (private_key_jwt)",
	 CREDENTIAL_OWNER_HELP
	 "  --private FILE        where the private key goes: a new file that its owner alone may read; - is stdout\n"
	 "  --alg ALG             what the key is for (default: ES256)\n"
	 "  --format FORM         of the private key: pem (PKCS#8; the default) or jwk\n"
	 "  --name NAME           for people\n"
	 "  --expires-in SECONDS  how long the key is good, up to 315360000; without an end when not given\n"
	 "  --expires-at TIME     the same as a time, such as 2027-01-31T00:00:00Z\n\n"
	 "A file that is there is never written over. If the public key can't be registered, there is no file either. The private key "
	 "is nowhere else:\nits owner makes it best where it will be used, and sends the public one for `m2mctl client key add`.\n\n"
	 "Example:\n  m2mctl client key generate --org acme --private acme.key --name 'Build server'\n",
	 generate},
	{"client key", "list", CREDENTIAL_OWNER_USAGE, "Lists the client's keys, those too whose end has come",
	 CREDENTIAL_OWNER_HELP
	 "\nlast_used_at and last_used_from tell of the last token that the key gave. Where others of the client have given thousands "
	 "since, it may be later\nthan that: unknown_until in the view m2m.credential_last_use says by how much.\n\nExample:\n  m2mctl "
	 "client key list --org acme\n",
	 list},
	{"client key", "remove", "CREDENTIAL_ID " CREDENTIAL_OWNER_USAGE, "Ends a key for good: no token is issued for it from then on",
	 CREDENTIAL_OWNER_HELP "\nAn id that begins with a hyphen stands behind --, at the end of the line.\n\n"
			       "Example:\n  m2mctl client key remove --org acme -- NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs\n",
	 remove_key},
	{"client key", NULL, NULL, NULL, NULL, NULL},
};
