/* m2mctl client workload: what a platform's own token must say for the client to authenticate with
 * it (RFC 7523): Kubernetes, SPIFFE, CI jobs, clouds. */
#include "operator/client_credential.h"

#include "base/clock.h"
#include "credential_options.h"
#include "ctl.h"
#include "operator/client.h"
#include "options.h"
#include "output.h"
#include "json/json_write.h"

#define GITHUB_ISSUER "https://token.actions.githubusercontent.com"

/* ---- printing ---- */

static int print_workload(struct ctl *ctl, const struct registered_credential *k)
{
	const struct field fields[] = {
		field_in_env("M2M_CREDENTIAL_ID", field_text("credential_id", k->credential_id)),
		field_in_env("M2M_CLIENT_ID", field_text("client_id", k->client_id)),
		field_text("kind", STR("workload")),
		field_text("name", k->name),
		field_text("issuer", k->workload.issuer),
		field_text("subject", k->workload.subject),
		field_text("audience", k->workload.audience),
		field_raw("claims", k->workload.claims),
		field_bool("may_replay", k->workload.may_replay),
		field_time(ctl, "created_at", k->created_at),
		field_time(ctl, "expires_at", k->expires_at),
	};
	return output_record(ctl, fields, sizeof fields / sizeof fields[0]);
}

enum { COLUMNS = 9 };

static void put_row(struct ctl *ctl, const struct registered_credential *c, struct field *row)
{
	row[0] = field_text("credential_id", c->credential_id);
	row[1] = field_text("issuer", c->workload.issuer);
	row[2] = field_text("subject", c->workload.subject);
	row[3] = field_text("audience", c->workload.audience);
	row[4] = field_raw("claims", c->workload.claims);
	row[5] = field_bool("may_replay", c->workload.may_replay);
	row[6] = field_time(ctl, "created_at", c->created_at);
	row[7] = field_time(ctl, "expires_at", c->expires_at);
	row[8] = field_text("name", c->name);
}

static const struct credential_kind client_workload = {"workload", "workloads", print_workload, COLUMNS, put_row};

static int list(struct ctl *ctl, char **args)
{
	return list_credentials(ctl, args, &client_workload);
}

/* ---- adding ---- */

struct workload_options {
	struct credential_owner whose;
	struct str name;
	struct credential_end end;
	struct str kubernetes, github, spiffe, issuer, subject, audience;
	struct word_list claims;
	bool may_replay, once;
};

/* A member of an object that is being written; both are text. */
static void put_claim(struct sbuf *out, struct str name, struct str value)
{
	struct json_out key = json_out_start(out);
	if (out->n > 1)
		sbuf_putc(out, ',');
	json_put_str(&key, NULL, name);
	sbuf_putc(out, ':');
	struct json_out text = json_out_start(out);
	json_put_str(&text, NULL, value);
}

static int put_claims(struct ctl *ctl, const struct word_list *claims, struct sbuf *out)
{
	for (size_t i = 0; i < claims->n; i++) {
		struct str value = claims->v[i];
		struct str name = str_split(&value, '=');
		if (value.p == NULL || name.n == 0)
			return ctl_usage(ctl, "--claim: expected NAME=VALUE");
		put_claim(out, name, value);
	}
	return EXIT_DONE;
}

/* NAMESPACE/SERVICEACCOUNT: the kubelet renews a pod's token once an hour or so, and the pod reads
 * the same one meanwhile. */
static int take_kubernetes(struct ctl *ctl, const struct workload_options *o, struct workload_terms *t)
{
	struct str account = o->kubernetes;
	struct str namespace = str_split(&account, '/');
	if (namespace.n == 0 || account.n == 0 || memchr(account.p, '/', account.n) != NULL)
		return ctl_usage(ctl, "--kubernetes: expected NAMESPACE/SERVICEACCOUNT");
	if (o->issuer.p == NULL)
		return ctl_usage(ctl, "which cluster? Give --issuer, as "
				      "`kubectl get --raw /.well-known/openid-configuration` shows it");
	t->subject = arena_printf(ctl->a, "system:serviceaccount:%.*s:%.*s", STR_ARG(namespace), STR_ARG(account));
	t->may_replay = !o->once;
	return EXIT_DONE;
}

/* OWNER/REPO[:environment]. The subject has several forms, which an owner may change; the claims
 * are always the same. */
static int take_github(struct ctl *ctl, const struct workload_options *o, struct workload_terms *t, struct sbuf *claims)
{
	struct str environment = o->github;
	struct str repository = str_split(&environment, ':');
	struct str name = repository;
	struct str owner = str_split(&name, '/');
	if (owner.n == 0 || name.n == 0 || memchr(name.p, '/', name.n) != NULL || (environment.p != NULL && environment.n == 0))
		return ctl_usage(ctl, "--github: expected OWNER/REPO or OWNER/REPO:ENVIRONMENT");
	if (o->issuer.p == NULL)
		t->issuer = STR(GITHUB_ISSUER);
	put_claim(claims, STR("repository"), repository);
	if (environment.p != NULL)
		put_claim(claims, STR("environment"), environment);
	return EXIT_DONE;
}

/* spiffe://TRUST-DOMAIN/PATH; most JWT-SVIDs have no jti. */
static int take_spiffe(struct ctl *ctl, const struct workload_options *o, struct workload_terms *t)
{
	struct str rest = o->spiffe;
	if (!str_starts(rest, STR("spiffe://")))
		return ctl_usage(ctl, "--spiffe: expected an id such as spiffe://example.org/ns/prod/sa/web");
	rest = str_from(rest.p + 9, rest.n - 9);
	t->issuer = str_split(&rest, '/');
	if (t->issuer.n == 0 || rest.n == 0)
		return ctl_usage(ctl, "--spiffe: expected an id such as spiffe://example.org/ns/prod/sa/web");
	if (o->issuer.p != NULL)
		return ctl_usage(ctl, "--spiffe goes without --issuer: the id has its trust domain");
	t->subject = o->spiffe;
	t->may_replay = !o->once;
	return EXIT_DONE;
}

static int check_form(struct ctl *ctl, const struct workload_options *o)
{
	int forms = (o->kubernetes.p != NULL) + (o->github.p != NULL) + (o->spiffe.p != NULL);
	if (forms > 1)
		return ctl_usage(ctl, "--kubernetes, --github and --spiffe: give one");
	if (forms == 1 && o->subject.p != NULL)
		return ctl_usage(ctl, "--subject goes without --kubernetes, --github and --spiffe, which say it");
	if (forms == 0 && o->issuer.p == NULL)
		return ctl_usage(ctl, "which workload? Give --kubernetes, --github, --spiffe, or --issuer with --subject or --claim");
	if (o->may_replay && o->once)
		return ctl_usage(ctl, "--may-replay and --once say the opposite; give one");
	return EXIT_DONE;
}

/* Their tokens name the gateway, unless something else is agreed. Once the settings were read. */
static int take_audience(struct ctl *ctl, const struct workload_options *o, struct workload_terms *t)
{
	t->audience = o->audience.p != NULL ? o->audience : ctl->config.issuer;
	if (o->audience.p == NULL && config_issuer_is_unreachable(&ctl->config))
		return ctl_usage(ctl, "which audience? Give --audience, or set M2M_ISSUER to the gateway's, which is the default");
	return EXIT_DONE;
}

static int read_terms(struct ctl *ctl, const struct workload_options *o, struct workload_terms *ret)
{
	struct sbuf claims = sbuf_in(ctl->a, WORKLOAD_CLAIMS_MAX);
	*ret = (struct workload_terms){.issuer = o->issuer, .subject = o->subject, .may_replay = o->may_replay};
	sbuf_putc(&claims, '{');
	int status = take_audience(ctl, o, ret);
	if (status == EXIT_DONE && o->kubernetes.p != NULL)
		status = take_kubernetes(ctl, o, ret);
	else if (status == EXIT_DONE && o->github.p != NULL)
		status = take_github(ctl, o, ret, &claims);
	else if (status == EXIT_DONE && o->spiffe.p != NULL)
		status = take_spiffe(ctl, o, ret);
	if (status == EXIT_DONE)
		status = put_claims(ctl, &o->claims, &claims);
	sbuf_putc(&claims, '}');
	ret->claims = sbuf_str(&claims);
	return status != EXIT_DONE || ret->claims.p != NULL ? status : ctl_usage(ctl, "--claim: too many, or too long");
}

static int read_workload(struct ctl *ctl, const struct workload_options *o, struct client_credential_spec *ret)
{
	const char *why = NULL;
	struct workload_terms terms;
	int64_t now = clock_wall_us();
	int status = read_terms(ctl, o, &terms);
	if (status != EXIT_DONE)
		return status;
	enum err err = client_credential_read_workload(ctl->a, &terms, o->name, credential_end_us(&o->end, now), now, ret, &why);
	return credential_read_ended(ctl, &client_workload, err, why);
}

static int add(struct ctl *ctl, char **args)
{
	struct workload_options o = {.issuer = STR_NONE};
	const struct option options[] = {
		CREDENTIAL_OWNER_ROWS(o.whose),
		{"--kubernetes", OPTION_TEXT, &o.kubernetes, 0, 0},
		{"--github", OPTION_TEXT, &o.github, 0, 0},
		{"--spiffe", OPTION_TEXT, &o.spiffe, 0, 0},
		{"--issuer", OPTION_TEXT, &o.issuer, 0, 0},
		{"--subject", OPTION_TEXT, &o.subject, 0, 0},
		{"--audience", OPTION_TEXT, &o.audience, 0, 0},
		{"--claim", OPTION_WORDS, &o.claims, 0, 0},
		{"--may-replay", OPTION_FLAG, &o.may_replay, 0, 0},
		{"--once", OPTION_FLAG, &o.once, 0, 0},
		{"--name", OPTION_TEXT, &o.name, 0, 0},
		CREDENTIAL_END_ROWS(o.end),
	};
	struct client_credential_spec spec;
	struct client client;
	int status = read_credential_options(ctl, args, options, sizeof options / sizeof options[0], &o.whose, &client_workload);
	if (status == EXIT_DONE)
		status = check_credential_end(ctl, &o.end);
	if (status == EXIT_DONE)
		status = check_form(ctl, &o);
	if (status == EXIT_DONE)
		status = find_credential_owner(ctl, &o.whose, &client);
	if (status == EXIT_DONE)
		status = read_workload(ctl, &o, &spec);
	return status == EXIT_DONE ? add_credential(ctl, &client, &spec, &client_workload) : status;
}

/* ---- removing ---- */

static int remove_workload(struct ctl *ctl, char **args)
{
	return remove_credential(ctl, args, &client_workload);
}

const struct command client_workload_commands[] = {
	{"client workload", "add",
	 CREDENTIAL_OWNER_USAGE
	 " [--kubernetes NAMESPACE/SERVICEACCOUNT] [--github OWNER/REPO] [--spiffe ID] [--issuer I] [--subject S] [--audience A] "
	 "[--claim NAME=VALUE]... [--may-replay] [--once] [--name NAME] [--expires-in SECONDS|--expires-at TIME]",
	 "Lets the client authenticate with the token that its platform gives it",
	 CREDENTIAL_OWNER_HELP
	 "  --kubernetes N/S      the service account S of namespace N, in the cluster of --issuer; implies --may-replay\n"
	 "  --github O/R          a job of the repository; O/R:ENVIRONMENT: one that runs in that environment\n"
	 "  --spiffe ID           the holder of that SPIFFE id's JWT-SVID; implies --may-replay\n"
	 "  --issuer I            the token's iss\n"
	 "  --subject S           the token's sub; any when not given, and claims decide\n"
	 "  --audience A          among the token's aud (default: M2M_ISSUER)\n"
	 "  --claim NAME=VALUE    a claim that the token must have; repeat it for more. A name that begins with a slash is a path:\n"
	 "                        /kubernetes.io/namespace=prod\n"
	 "  --may-replay          a token may be shown more than once, and needs no jti\n"
	 "  --once                with --kubernetes and --spiffe: each token is good for one of ours, and must have a jti\n"
	 "  --name NAME           for people\n"
	 "  --expires-in SECONDS  how long the workload is taken, up to 315360000; without an end when not given\n"
	 "  --expires-at TIME     the same as a time, such as 2027-01-31T00:00:00Z\n\n"
	 "The gateway must trust the issuer with workloads: see M2M_TRUSTED_ISSUERS_FILE. The client may then show such a token or its\n"
	 "secret; `m2mctl client set --auth-method workload` leaves it the token alone. A client has up to 8 workloads.\n\n"
	 "Example:\n  m2mctl client workload add --org acme --github acme/shop:production --name 'Deployment'\n",
	 add},
	{"client workload", "list", CREDENTIAL_OWNER_USAGE, "Lists the client's workloads, those too whose end has come",
	 CREDENTIAL_OWNER_HELP "\nExample:\n  m2mctl client workload list --org acme\n", list},
	{"client workload", "remove", "CREDENTIAL_ID " CREDENTIAL_OWNER_USAGE,
	 "Ends a workload for good: no token is issued for it from then on",
	 CREDENTIAL_OWNER_HELP "\nAn id that begins with a hyphen stands behind --, at the end of the line.\n\n"
			       "Example:\n  m2mctl client workload remove --org acme -- NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs\n",
	 remove_workload},
	{"client workload", NULL, NULL, NULL, NULL, NULL},
};
