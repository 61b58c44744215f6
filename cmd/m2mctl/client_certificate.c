/* m2mctl client certificate: the certificates with which a client may authenticate
 * (tls_client_auth, self_signed_tls_client_auth). */
#include "base/clock.h"
#include "credential_options.h"
#include "ctl.h"
#include "input.h"
#include "operator/client_credential.h"
#include "options.h"
#include "output.h"

#define FILE_MAX 65536

/* ---- printing ---- */

static int print_certificate(struct ctl *ctl, const struct registered_credential *c)
{
	const struct field fields[] = {
		field_in_env("M2M_CREDENTIAL_ID", field_text("credential_id", c->credential_id)),
		field_in_env("M2M_CLIENT_ID", field_text("client_id", c->client_id)),
		field_text("kind", c->kind),
		field_text("name", c->name),
		field_time(ctl, "created_at", c->created_at),
		field_time(ctl, "expires_at", c->expires_at),
	};
	return output_record(ctl, fields, sizeof fields / sizeof fields[0]);
}

enum { COLUMNS = 4 };

static void put_row(struct ctl *ctl, const struct registered_credential *c, struct field *row)
{
	row[0] = field_text("credential_id", c->credential_id);
	row[1] = field_time(ctl, "created_at", c->created_at);
	row[2] = field_time(ctl, "expires_at", c->expires_at);
	row[3] = field_text("name", c->name);
}

static const struct credential_kind client_certificate = {"certificate", "certificates", print_certificate, COLUMNS, put_row};

static int list(struct ctl *ctl, char **args)
{
	return list_credentials(ctl, args, &client_certificate);
}

/* ---- adding ---- */

struct certificate_options {
	struct credential_owner owner;
	struct str file, name;
	struct credential_end end;
	struct certificate_input input;
};

static bool says_which(const struct certificate_options *o)
{
	bool any = o->file.p != NULL;
	for (int kind = 0; kind < CERTIFICATE_NAME_COUNT; kind++)
		any = any || o->input.names[kind].p != NULL;
	return any;
}

static int read_certificate(struct ctl *ctl, struct certificate_options *o, struct client_credential_spec *ret)
{
	const char *why = NULL;
	int64_t now = clock_wall_us();
	int status = o->file.p == NULL ? EXIT_DONE : input_file(ctl, o->file, FILE_MAX, &o->input.pem);
	if (status != EXIT_DONE)
		return status;
	enum err err = client_credential_read_certificate(ctl->a, &o->input, o->name, credential_end_us(&o->end, now), now, ret, &why);
	return credential_read_ended(ctl, &client_certificate, err, why);
}

static int add(struct ctl *ctl, char **args)
{
	struct certificate_options o = {.file = STR_NONE};
	const struct option options[] = {
		CREDENTIAL_OWNER_ROWS(o.owner),
		{"--file", OPTION_TEXT, &o.file, 0, 0},
		{"--subject-dn", OPTION_TEXT, &o.input.names[CERTIFICATE_SUBJECT_DN], 0, 0},
		{"--san-dns", OPTION_TEXT, &o.input.names[CERTIFICATE_SAN_DNS], 0, 0},
		{"--san-uri", OPTION_TEXT, &o.input.names[CERTIFICATE_SAN_URI], 0, 0},
		{"--san-ip", OPTION_TEXT, &o.input.names[CERTIFICATE_SAN_IP], 0, 0},
		{"--san-email", OPTION_TEXT, &o.input.names[CERTIFICATE_SAN_EMAIL], 0, 0},
		{"--name", OPTION_TEXT, &o.name, 0, 0},
		CREDENTIAL_END_ROWS(o.end),
	};
	struct client_credential_spec spec;
	struct client client;
	int status = read_credential_options(ctl, args, options, sizeof options / sizeof options[0], &o.owner, &client_certificate);
	if (status == EXIT_DONE && !says_which(&o))
		status = ctl_usage(ctl, "which certificate? Give --file CERT.pem, or one name such as --san-dns HOST");
	if (status == EXIT_DONE)
		status = check_credential_end(ctl, &o.end);
	if (status == EXIT_DONE)
		status = read_certificate(ctl, &o, &spec);
	if (status == EXIT_DONE)
		status = find_credential_owner(ctl, &o.owner, &client);
	return status == EXIT_DONE ? add_credential(ctl, &client, &spec, &client_certificate) : status;
}

/* ---- removing ---- */

static int remove_certificate(struct ctl *ctl, char **args)
{
	return remove_credential(ctl, args, &client_certificate);
}

const struct command client_certificate_commands[] = {
	{"client certificate", "add",
	 CREDENTIAL_OWNER_USAGE
	 " --file FILE | --subject-dn DN | --san-dns HOST | --san-uri URI | --san-ip ADDRESS | --san-email ADDRESS [--name NAME] "
	 "[--expires-in SECONDS|--expires-at TIME]",
	 "Registers a certificate, or a name in one, with which the client may authenticate (RFC 8705)",
	 CREDENTIAL_OWNER_HELP
	 "  --file FILE           this one certificate, in PEM, whoever signed it (self_signed_tls_client_auth); - is stdin\n"
	 "  --subject-dn DN       any whose subject this is, as RFC 4514 writes it, such as CN=billing,O=Acme\n"
	 "  --san-dns HOST        any with this name, such as billing.example\n"
	 "  --san-uri URI         any with this URI, such as spiffe://example.org/billing\n"
	 "  --san-ip ADDRESS      any with this address\n"
	 "  --san-email ADDRESS   any with this e-mail address\n"
	 "  --name NAME           for people\n"
	 "  --expires-in SECONDS  how long it is good, up to 315360000; a file's certificate ends by itself at the latest, a name doesn't\n"
	 "  --expires-at TIME     the same as a time, such as 2027-01-31T00:00:00Z\n\n"
	 "A name counts where an authority of M2M_TLS_CLIENT_CA has signed the certificate (tls_client_auth). M2M_TLS_CLIENT_CERTS or\n"
	 "M2M_CLIENT_CERT_HEADER lets clients show certificates. The client may then show a certificate or its secret;\n"
	 "`m2mctl client set --auth-method certificate` leaves it the certificate alone. A client has up to 8 certificates.\n\n"
	 "Example:\n  m2mctl client certificate add --org acme --san-dns billing.acme.example\n"
	 "  m2mctl client certificate add --org acme --file billing.pem --name 'Billing, self-signed'\n",
	 add},
	{"client certificate", "list", CREDENTIAL_OWNER_USAGE, "Lists the client's certificates, those too whose end has come",
	 CREDENTIAL_OWNER_HELP "\nExample:\n  m2mctl client certificate list --org acme\n", list},
	{"client certificate", "remove", "CREDENTIAL_ID " CREDENTIAL_OWNER_USAGE,
	 "Ends a certificate for good: no token is issued for it from then on",
	 CREDENTIAL_OWNER_HELP "\nExample:\n  m2mctl client certificate remove --org acme tls_client_auth_san_dns:billing.acme.example\n",
	 remove_certificate},
	{"client certificate", NULL, NULL, NULL, NULL, NULL},
};
