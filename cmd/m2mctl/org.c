/* m2mctl org: organizations, each with its default client. */
#include "operator/org.h"
#include "base/uri.h"
#include "operator/org_move.h"
#include "operator/token_end.h"
#include "sql/database_url.h"

#include "client_options.h"
#include "credential_options.h"
#include "ctl.h"
#include "input.h"
#include "options.h"
#include "output.h"

#define TARGET_URL_MAX 4096
#define PUBLIC_URL_MAX 400

static int print_created(struct ctl *ctl, const struct org *org, const struct client_secret *secret)
{
	const struct field fields[] = {
		field_in_env("M2M_ORGANIZATION", field_text("slug", org->slug)),
		field_in_env("M2M_ORGANIZATION_ID", field_uuid(ctl, "organization_id", org->organization_id)),
		field_in_env("M2M_CLIENT_ID", field_text("client_id", secret->client_id)),
		field_in_env("M2M_CLIENT_SECRET", field_text("client_secret", secret->secret)),
		field_text("hint", secret->hint),
	};
	return output_credentials(ctl, org->slug, fields, sizeof fields / sizeof fields[0]);
}

static int create(struct ctl *ctl, char **args)
{
	struct org_spec spec = {.slug = STR_NONE};
	struct client_options client = {.lifetime = 0};
	struct word_list networks = {.n = 0};
	struct credential_end until = {.in = 0};
	struct secret_end end;
	const struct option options[] = {
		{"--name", OPTION_TEXT, &spec.name, 0, 0},
		CLIENT_OPTION_ROWS(client),
		{"--issuer", OPTION_TEXT, &spec.issuer, 0, 0},
		{"--external-id", OPTION_TEXT, &spec.external_id, 0, 0},
		{"--allow-network", OPTION_WORDS, &networks, 0, 0},
		{"--secret-max-age", OPTION_DURATION, &spec.secret_max_age, 0, SECRET_MAX_AGE_MAX},
		CREDENTIAL_END_ROWS(until),
	};
	int status = options_read(ctl, args, options, sizeof options / sizeof options[0], &spec.slug);
	if (status != EXIT_DONE)
		return status;
	if (spec.slug.p == NULL)
		return ctl_usage(ctl, "SLUG is missing");
	if (spec.name.p == NULL)
		spec.name = spec.slug;
	if ((status = client_options_check(ctl, &client, STR_NONE)) != EXIT_DONE ||
	    (status = check_new_client(ctl, &client)) != EXIT_DONE || (status = check_spec(ctl, org_spec_fault(&spec))) != EXIT_DONE ||
	    (status = check_networks(ctl, &networks, &spec.networks)) != EXIT_DONE ||
	    (status = check_secret_end(ctl, &until, &end)) != EXIT_DONE)
		return status;

	status = ctl_connect(ctl, CONFIG_NEED_MASTER_KEYS);
	if (status != EXIT_DONE)
		return status;
	spec.client = client_options_complete(ctl, &client, STR("admin"));
	spec.client.secret = end;

	struct org org;
	struct client_secret secret;
	status = ctl_ended(ctl, operator_org_create(ctl->db, &ctl->config.ring, &spec, &org, &secret));
	return status == EXIT_DONE ? print_created(ctl, &org, &secret) : status;
}

static int list(struct ctl *ctl, char **args)
{
	enum { COLUMNS = 6 };
	const struct org *orgs = NULL;
	size_t n = 0;
	int status = options_read(ctl, args, NULL, 0, NULL);
	if (status == EXIT_DONE)
		status = ctl_connect(ctl, 0);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_org_list(ctl->db, &orgs, &n));
	if (status != EXIT_DONE)
		return status;

	struct field *fields = output_room(ctl, COLUMNS, n);
	if (fields == NULL)
		return EXIT_FAILED;
	for (size_t i = 0; i < n; i++) {
		struct field *row = fields + i * COLUMNS;
		row[0] = field_text("slug", orgs[i].slug);
		row[1] = field_uuid(ctl, "organization_id", orgs[i].organization_id);
		row[2] = field_text("client_id", orgs[i].client_id);
		row[3] = field_time(ctl, "created_at", orgs[i].created_at);
		row[4] = field_time(ctl, "disabled_at", orgs[i].disabled_at);
		row[5] = field_text("name", orgs[i].name);
	}
	return output_rows(ctl, "organizations", fields, COLUMNS, n);
}

static int print_org(struct ctl *ctl, const struct org *org)
{
	const struct field fields[] = {
		field_in_env("M2M_ORGANIZATION", field_text("slug", org->slug)),
		field_in_env("M2M_ORGANIZATION_ID", field_uuid(ctl, "organization_id", org->organization_id)),
		field_text("name", org->name),
		field_in_env("M2M_CLIENT_ID", field_text("client_id", org->client_id)),
		field_text("issuer", org->issuer),
		field_text("external_id", org->external_id),
		field_networks("allowed_networks", org->networks),
		org->secret_max_age != 0 ? field_number("secret_max_age", org->secret_max_age) : field_raw("secret_max_age", STR_NONE),
		field_time(ctl, "created_at", org->created_at),
		field_time(ctl, "disabled_at", org->disabled_at),
	};
	return output_record(ctl, fields, sizeof fields / sizeof fields[0]);
}

/* Reads the arguments, of which one names the organization, and connects. */
static int read_org(struct ctl *ctl, char **args, const struct option *options, size_t n, struct str *ret)
{
	int status = options_read(ctl, args, options, n, ret);
	if (status == EXIT_DONE && ret->p == NULL)
		status = ctl_usage(ctl, "the organization's slug or id is missing");
	return status;
}

static int show(struct ctl *ctl, char **args)
{
	struct str slug = STR_NONE;
	struct org org;
	int status = read_org(ctl, args, NULL, 0, &slug);
	if (status == EXIT_DONE)
		status = ctl_connect(ctl, 0);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_org_find(ctl->db, slug, &org));
	return status == EXIT_DONE ? print_org(ctl, &org) : status;
}

static int make_change(struct ctl *ctl, struct str slug, const struct org_change *change)
{
	struct org org;
	int status = ctl_connect(ctl, 0);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_org_change(ctl->db, slug, change, &org));
	return status == EXIT_DONE ? print_org(ctl, &org) : status;
}

static int set(struct ctl *ctl, char **args)
{
	struct str slug = STR_NONE;
	struct org_change change = {.disabled = CHANGE_NONE};
	struct word_list networks = {.n = 0};
	bool no_external_id = false;
	int32_t max_age = -1;
	const struct option options[] = {
		{"--name", OPTION_TEXT, &change.name, 0, 0},
		{"--issuer", OPTION_TEXT, &change.issuer, 0, 0},
		{"--external-id", OPTION_TEXT, &change.external_id, 0, 0},
		{"--no-external-id", OPTION_FLAG, &no_external_id, 0, 0},
		{"--allow-network", OPTION_WORDS, &networks, 0, 0},
		{"--secret-max-age", OPTION_DURATION, &max_age, 0, SECRET_MAX_AGE_MAX},
	};
	int status = read_org(ctl, args, options, sizeof options / sizeof options[0], &slug);
	if (status != EXIT_DONE)
		return status;
	if (change.name.p == NULL && change.issuer.p == NULL && change.external_id.p == NULL && !no_external_id && networks.n == 0 &&
	    max_age < 0)
		return ctl_usage(ctl, "nothing to set");
	if (no_external_id && (change.issuer.p != NULL || change.external_id.p != NULL))
		return ctl_usage(ctl, "--no-external-id goes without --issuer and --external-id");
	change.has_secret_max_age = max_age >= 0;
	change.secret_max_age = max_age >= 0 ? max_age : 0;
	if ((status = check_spec(ctl, org_change_fault(&change))) != EXIT_DONE ||
	    (status = check_networks(ctl, &networks, &change.networks)) != EXIT_DONE)
		return status;
	if (no_external_id)
		change.issuer = change.external_id = STR("");
	return make_change(ctl, slug, &change);
}

static int set_disabled(struct ctl *ctl, char **args, enum change disabled)
{
	struct str slug = STR_NONE;
	int status = read_org(ctl, args, NULL, 0, &slug);
	return status == EXIT_DONE ? make_change(ctl, slug, &(struct org_change){.disabled = disabled}) : status;
}

static int disable(struct ctl *ctl, char **args)
{
	return set_disabled(ctl, args, CHANGE_ON);
}
static int enable(struct ctl *ctl, char **args)
{
	return set_disabled(ctl, args, CHANGE_OFF);
}

static int revoke_tokens(struct ctl *ctl, char **args)
{
	struct str slug = STR_NONE;
	struct tokens_ended ended;
	int status = read_org(ctl, args, NULL, 0, &slug);
	if (status == EXIT_DONE)
		status = ctl_connect(ctl, 0);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_end_org_tokens(ctl->db, slug, &ended));
	if (status != EXIT_DONE)
		return status;
	const struct field fields[] = {
		field_uuid(ctl, "organization_id", ended.organization_id),
		field_time(ctl, "not_before", ended.not_before),
		field_time(ctl, "until", ended.expires_at),
	};
	return output_record(ctl, fields, sizeof fields / sizeof fields[0]);
}

static int delete (struct ctl *ctl, char **args)
{
	struct str slug = STR_NONE;
	bool yes = false;
	struct org org;
	const struct option options[] = {{"--yes", OPTION_FLAG, &yes, 0, 0}};
	int status = read_org(ctl, args, options, 1, &slug);
	if (status == EXIT_DONE)
		status = check_yes(ctl, yes, "this ends the organization, its clients and all their secrets for good");
	if (status == EXIT_DONE)
		status = ctl_connect(ctl, 0);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_org_delete(ctl->db, slug, &org));
	return status == EXIT_DONE ? print_org(ctl, &org) : status;
}

static void tell_step(const char *step)
{
	ctl_say("%s", step);
}

static int print_moved(struct ctl *ctl, const struct org_move_done *done)
{
	const struct field fields[] = {
		field_in_env("M2M_ORGANIZATION", field_text("slug", done->slug)),
		field_in_env("M2M_ORGANIZATION_ID", field_uuid(ctl, "organization_id", done->organization_id)),
		field_uuid(ctl, "move_id", done->move_id),
		field_text("target", done->peer),
		field_text("url", done->url),
		field_number("clients", done->clients),
		field_bool("moved", done->digest.p != NULL),
		field_number("pause_ms", (done->pause_us + 999) / 1000),
		field_text("sha256", done->digest),
	};
	return output_record(ctl, fields, sizeof fields / sizeof fields[0]);
}

/* The target's connection; *ret is the caller's to close, also on failure. */
static int connect_target(struct ctl *ctl, struct str file, struct operator_db **ret)
{
	struct str url = STR_NONE;
	int status = input_file(ctl, file, TARGET_URL_MAX, &url);
	if (status != EXIT_DONE)
		return status;
	if (url.n > 0 && url.p[url.n - 1] == '\n') /* as a setting's file may end */
		url.n--;
	url = arena_copy(ctl->a, url); /* for libpq: with a NUL behind it */
	struct sbuf faults = sbuf_in(ctl->a, 1024);
	if (database_url_check(url, "--to-database", &faults) != ERR_OK)
		return ctl_say_faults(&faults);
	enum err err = operator_open(ctl->a, url, ctl_actor(ctl), ret);
	if (err == ERR_OK)
		err = operator_require_schema(*ret);
	if (err != ERR_OK)
		ctl_say("at the target: %s", operator_why(*ret));
	return ctl_exit_code(err);
}

static int move_between(struct ctl *ctl, const struct org_move_spec *spec, struct str file, bool back_out)
{
	struct operator_db *to = NULL;
	struct org_move_done done;
	int status = ctl_connect(ctl, 0);
	if (status == EXIT_DONE)
		status = connect_target(ctl, file, &to);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, back_out ? operator_org_move_back_out(ctl->db, to, spec, &done)
						 : operator_org_move(ctl->db, to, spec, &done));
	operator_close(to);
	return status == EXIT_DONE ? print_moved(ctl, &done) : status;
}

/* It stands in answers, which have little room. */
static bool is_public_url(struct ctl *ctl, struct str url)
{
	struct sbuf normal = sbuf_in(ctl->a, 512);
	return url.p != NULL && url.n <= PUBLIC_URL_MAX && uri_put_normalized(url, &normal) == ERR_OK;
}

static int move(struct ctl *ctl, char **args)
{
	struct org_move_spec spec = {.tell = tell_step};
	struct str file = STR_NONE;
	bool back_out = false;
	const struct option options[] = {
		{"--to-database", OPTION_TEXT, &file, 0, 0},
		{"--url", OPTION_TEXT, &spec.url, 0, 0},
		{"--back-out", OPTION_FLAG, &back_out, 0, 0},
	};
	int status = read_org(ctl, args, options, sizeof options / sizeof options[0], &spec.org);
	if (status != EXIT_DONE)
		return status;
	if (file.p == NULL)
		return ctl_usage(ctl, "--to-database is missing: a file with the target's database URL");
	if (!back_out && !is_public_url(ctl, spec.url))
		return ctl_usage(ctl, "--url is the target's public URL, such as https://m2m-2.example.com");
	return move_between(ctl, &spec, file, back_out);
}

const struct command org_commands[] = {
	{"org", "create",
	 "SLUG [--name NAME] " CLIENT_USAGE
	 " [--issuer I --external-id E] [--allow-network CIDR]... [--secret-max-age DURATION] " SECRET_END_USAGE
	 " [--secret-name NAME] [--namespace NAME]",
	 "Makes an organization with its default client and the client's first secret",
	 "  --name NAME         for people; the slug when not given\n"
	 "  --role ROLE         of the client: admin (the default) may read and rotate the secret, member may only ask for its client id;\n"
	 "                      none: the client may ask for tokens and nothing else\n"
	 "  --scope S           what its tokens may be asked for; repeat it for more (default: M2M_DEFAULT_SCOPE)\n"
	 "  --audience A        whom its tokens are for; the first one is the default (default: M2M_DEFAULT_AUDIENCE)\n"
	 "  --lifetime SECONDS  of its tokens, 60 to 2592000 (default 86400)\n"
	 "  --token-type TYPE   of its tokens, JWT or at+jwt (RFC 9068); as M2M_ACCESS_TOKEN_TYPE says when not given\n"
	 "  --auth-method M     what the client may authenticate with: secret, key, certificate or workload; repeat it for several; the\n"
	 "                      secret alone by default\n"
	 "  --token-binding B   what the client's tokens must be bound to: dpop (a DPoP proof's key), certificate (a client certificate), "
	 "any of\n"
	 "                      both, or none, the default\n"
	 "  --profile P         fapi2 holds it to the FAPI 2.0 Security Profile: it wants a --token-binding, and no --auth-method but\n"
	 "                      key and certificate\n"
	 "  --issuer I          an outside issuer that knows this organization too, as its tokens' iss says\n"
	 "  --external-id E     and what that issuer calls it\n"
	 "  --allow-network N   the only networks that its clients and tokens may be used from, up to 64; any, the default: from anywhere\n"
	 "  --secret-max-age D  how old its secrets may get, such as 90d (an hour to ten years); none, the default: as old as each is set "
	 "to\n" SECRET_END_HELP
	 "  --secret-name NAME  of the Kubernetes Secret that --output k8s-secret prints (default: SLUG-m2m-client)\n"
	 "  --namespace NAME    the Secret's\n\n"
	 "Prints the secret. It can be read again with `m2mctl client secret`.\n\n"
	 "Example:\n"
	 "  m2mctl org create acme --name 'Acme Inc.' --scope orders:read --scope orders:write\n"
	 "  m2mctl org create acme --output k8s-secret --namespace orders | kubectl apply -f -\n",
	 create},
	{"org", "list", "", "Lists the organizations", "Example:\n  m2mctl org list --output json\n", list},
	{"org", "show", "SLUG|ID", "Shows one organization", "Example:\n  m2mctl org show acme\n", show},
	{"org", "set",
	 "SLUG|ID [--name NAME] [--issuer I --external-id E | --no-external-id] [--allow-network CIDR]... "
	 "[--secret-max-age DURATION]",
	 "Changes what an organization is called and from where it may be used; what isn't given stays",
	 "  --name NAME        for people\n"
	 "  --issuer I         the outside issuer whose tokens may speak for this organization, as their iss says\n"
	 "  --external-id E    what that issuer calls it\n"
	 "  --no-external-id   no outside issuer knows it any more\n"
	 "  --allow-network N  replaces the networks that its clients and tokens may be used from, such as 192.0.2.0/24 or 2001:db8::/32,\n"
	 "                     up to 64; any: from anywhere. A client's own networks hold besides\n"
	 "  --secret-max-age D how old its secrets may get, such as 90d (an hour to ten years); none: as old as each is set to. It bounds "
	 "the\n"
	 "                     live secrets too: one that is older already ends in a week (or in that time, where it is shorter), so that\n"
	 "                     there is time to rotate it. Each bounded secret is recorded. `none` leaves the ends that were set\n\n"
	 "Example:\n  m2mctl org set acme --issuer https://id.example.com/realms/main --external-id acme-inc\n"
	 "  m2mctl org set acme --allow-network 192.0.2.0/24 --allow-network 2001:db8:7::/48\n",
	 set},
	{"org", "disable", "SLUG|ID", "Ends all that the organization may do, from the next request on",
	 "Its clients get no tokens, and its tokens open nothing here. Tokens already issued stay valid JWTs for others until they "
	 "expire.\n\n"
	 "Example:\n  m2mctl org disable acme\n",
	 disable},
	{"org", "enable", "SLUG|ID", "Takes a disabling back", "Example:\n  m2mctl org enable acme\n", enable},
	{"org", "revoke-tokens", "SLUG|ID", "Ends the tokens that the organization was given so far; its secrets stay",
	 "Those that `m2mctl token mint` made for it are among them. From the next request on they open nothing here, and introspection\n"
	 "says that they aren't active. Tokens are told apart by whole seconds: those issued in the second of this act end too.\n"
	 "`not_before` is the second after it; `until` is when the last of them would have expired.\n\n"
	 "Example:\n  m2mctl org revoke-tokens acme\n",
	 revoke_tokens},
	{"org", "move", "SLUG|ID --to-database FILE [--url URL] [--back-out]",
	 "Moves an organization with its clients to another installation",
	 "  --to-database FILE  has the URL of the target's database, for a login with the owner's rights; - reads it from stdin.\n"
	 "                      M2M_ADMIN_DATABASE_URL leads to the source's\n"
	 "  --url URL           the target's public URL, which the source's refusals name afterwards\n"
	 "  --back-out          takes a move back that hasn't opened the organization at the target\n\n"
	 "What is there is copied first. Then the organization is frozen, what has changed since is copied, and it is opened at the\n"
	 "target. Between, its requests get 503 with Retry-After, and nothing is lost; `pause_ms` says for how long. Afterwards the "
	 "source\n"
	 "answers 421 organization_moved. The audit stays at the source. Both ends record the move with the SHA-256 of what was copied.\n\n"
	 "If it is ended half-way, run it again: it goes on, or takes everything back with --back-out. The target must have the master\n"
	 "keys of the organization's secrets; if it lacks one, nothing is frozen.\n\n"
	 "Example:\n"
	 "  m2mctl org move acme --to-database m2m-2.url --url https://m2m-2.example.com\n"
	 "  m2mctl org move acme --to-database m2m-2.url --back-out\n",
	 move},
	{"org", "delete", "SLUG|ID --yes", "Ends an organization, its clients and their secrets for good",
	 "Nothing is asked: without --yes nothing is done. What the audit says of it stays, and its slug may be given again.\n\n"
	 "Example:\n  m2mctl org delete acme --yes\n",
	 delete},
	{"org", NULL, NULL, NULL, NULL, NULL},
};
