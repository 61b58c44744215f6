/* m2mctl client import: record by record from the file, checked, into batches; each batch is one
 * transaction. What is wrong with a record is said with its line, and the next one follows. */
#include "client_import.h"

#include <stdlib.h>

#include "base/clock.h"
#include "client_options.h"
#include "config/words.h"
#include "crypto/digest.h"
#include "crypto/foreign_secret.h"
#include "import_file.h"
#include "import_hashes.h"
#include "import_record.h"
#include "import_seen.h"
#include "operator/key.h"
#include "options.h"
#include "output.h"

#define BATCH_RECORDS 1000
#define BATCH_BYTES   ((size_t)4 << 20)
#define BATCH_MEMORY  ((size_t)512 << 20)
#define RECORD_MAX    ((size_t)1 << 20)
#define PROGRESS_US   2000000

struct arguments {
	struct str file, from, org, org_from, hashes;
	struct word_list scopes, audiences;
	int32_t lifetime;
	bool dry_run;
};

/* A record that is in the batch. */
struct pending {
	uint32_t line;
	struct str client_id, organization;
};

struct counts {
	int64_t records, made, organizations, present, left_out, refused;
};

struct importing {
	struct ctl *ctl;
	const struct arguments *given;
	const struct record_form *form;
	struct import_file *file;
	struct import_hashes *hashes;
	struct uuid import_id;
	struct import_seen ids, organizations; /* of a dry run */
	/* of the batch: everything in `a` leaves with it */
	struct arena *a;
	struct sbuf text;
	struct json_out out;
	struct pending pending[BATCH_RECORDS];
	size_t n;
	struct counts counts;
	int64_t told_at;
};

/* ---- one record ---- */

static void refuse(struct importing *im, uint32_t line, struct str client_id, const char *why)
{
	im->counts.refused++;
	if (client_id.p != NULL)
		ctl_say("line %u: %.*s: %s", line, (int)(client_id.n > 200 ? 200 : client_id.n), client_id.p, why);
	else
		ctl_say("line %u: %s", line, why);
}

/* A value of another product as a slug. One that has to be changed gets a few digits of its hash,
 * so that no two customers become one. */
static struct str slug_of(struct importing *im, struct str value)
{
	uint8_t hash[SHA256_LEN];
	struct sbuf slug = sbuf_in(im->a, 64);
	struct uuid id;
	if (word_is_slug(value) && uuid_parse(value, &id) != ERR_OK)
		return value;
	if (uuid_parse(value, &id) == ERR_OK)
		return arena_printf(im->a, "o-%.*s", STR_ARG(value));
	for (size_t i = 0; i < value.n && slug.n < 48; i++) {
		char c = value.p[i] >= 'A' && value.p[i] <= 'Z' ? (char)(value.p[i] + 'a' - 'A') : value.p[i];
		bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		if (good || slug.n > 0)
			sbuf_putc(&slug, good ? c : '-');
	}
	if (value.n == 0 || sha256(value.p, value.n, hash) != ERR_OK)
		return STR_NONE;
	sbuf_printf(&slug, "%s%02x%02x%02x%02x", slug.n > 0 ? "-" : "", hash[0], hash[1], hash[2], hash[3]);
	return sbuf_str(&slug);
}

static const char *settle_organization(struct importing *im, const struct json *record, struct import_client *c)
{
	struct uuid id;
	if (im->given->org_from.p != NULL) {
		const struct json *v = record_at(record, im->given->org_from);
		if (v == NULL || (v->type != JSON_STRING && v->type != JSON_NUMBER) || v->text.n == 0)
			return "the member that --org-from names is missing, or no text.";
		c->organization = slug_of(im, v->text);
		if (c->organization_name.p == NULL)
			c->organization_name = v->text;
	}
	if (c->organization.p == NULL)
		c->organization = im->given->org;
	if (c->organization.p == NULL)
		return "it names no organization, and neither does --org.";
	if (c->organization_id.p == NULL)
		return NULL;
	if (uuid_parse(c->organization_id, &id) != ERR_OK)
		return "organization_id must be a UUID.";
	char text[UUID_TEXT_LEN];
	uuid_format(id, text);
	c->organization_id = arena_copy(im->a, str_from(text, sizeof text));
	return NULL;
}

static void settle_list(struct words *list, const struct word_list *given, const struct str *otherwise)
{
	if (list->v == NULL && given->n > 0)
		*list = (struct words){given->v, given->n};
	else if (list->v == NULL)
		*list = (struct words){otherwise, 1};
}

static const char *settle_networks(struct importing *im, struct networks *networks)
{
	struct networks_fault fault;
	if (networks->v == NULL || networks_settle(im->a, networks, &fault))
		return NULL;
	return arena_printf(im->a, "networks: %.*s%s", STR_ARG(fault.network), fault.says).p;
}

static bool has_kind(const struct words *methods, struct str kind)
{
	for (size_t i = 0; i < methods->n; i++)
		if (str_eq(methods->v[i], kind))
			return true;
	return false;
}

/* A line that doesn't say may use what it brings. */
static void settle_auth_methods(struct importing *im, struct import_client *c)
{
	struct str *methods = arena_alloc(im->a, 4 * sizeof *methods);
	struct words all = {methods, 0};
	if (c->spec.auth_methods.v != NULL || c->credentials_n == 0 || methods == NULL)
		return;
	methods[all.n++] = STR("secret");
	for (size_t i = 0; i < c->credentials_n; i++)
		if (!has_kind(&all, c->credentials[i].spec.kind))
			methods[all.n++] = c->credentials[i].spec.kind;
	c->spec.auth_methods = all;
}

static const char *settle_spec(struct importing *im, struct import_client *c)
{
	static const struct str no_roles[1];
	struct client_spec *spec = &c->spec;
	if (spec->roles.v == NULL)
		spec->roles = (struct words){no_roles, 0};
	settle_list(&spec->scopes, &im->given->scopes, &im->ctl->config.default_scope);
	settle_list(&spec->audiences, &im->given->audiences, &im->ctl->config.default_audience);
	if (spec->audiences.n == 0)
		spec->audiences = (struct words){&im->ctl->config.default_audience, 1};
	if (spec->token_lifetime == 0)
		spec->token_lifetime = im->given->lifetime != 0 ? im->given->lifetime : LIFETIME_DEFAULT;
	settle_auth_methods(im, c);
	const char *fault = settle_networks(im, &spec->networks);
	return fault != NULL ? fault : settle_networks(im, &c->organization_networks);
}

static const char *check_client(const struct import_client *c)
{
	const struct org_spec org = {.slug = c->organization,
				     .name = c->organization_name,
				     .issuer = c->issuer,
				     .external_id = c->external_id,
				     .secret_max_age = c->secret_max_age,
				     .client = c->spec};
	if (c->client_id.p == NULL)
		return "it has no client id.";
	if (!foreign_well_formed(c->client_id))
		return "a client id is 8 to 128 visible ASCII characters.";
	return org_spec_fault(&org);
}

static const char *settle_plain(struct importing *im, struct str client_id, struct str secret, struct import_secret *kept)
{
	uint8_t *verifier = arena_alloc(im->a, SHA256_LEN);
	if (!foreign_well_formed(secret))
		return "a secret is 8 to 128 visible ASCII characters.";
	if (verifier == NULL || import_secret_plain(&im->ctl->config.ring, client_id, secret, verifier, kept) != ERR_OK)
		return "its verifier can't be made.";
	return NULL;
}

static const char *settle_hash(struct importing *im, struct str hash, struct import_secret *kept)
{
	char *space = arena_alloc(im->a, FOREIGN_HASH_MAX);
	enum err err = space != NULL ? foreign_hash_canonical(hash, space, &kept->foreign_hash) : ERR_NO_MEMORY;
	if (err == ERR_TOO_LARGE)
		return "its hash costs more than a second or 128 MiB to check: give it a new secret there, with a cheaper hash.";
	return err == ERR_OK ? NULL : "its hash is of no form that is known here.";
}

static const char *settle_kept(struct importing *im, const struct import_client *c, const struct import_secret *kept)
{
	switch (import_secret_check(&im->ctl->config.ring, c->organization_id, c->client_id, kept)) {
	case ERR_OK:
		return NULL;
	case ERR_KEY_MISSING:
		return "its secret was made with a master key that isn't in M2M_MASTER_KEYS.";
	case ERR_MISMATCH:
		return "its verifier isn't what the master key gives: the key is another one, or the line was changed.";
	default:
		return "a salt goes with the organization_id and the client id that the secret was derived for.";
	}
}

static const char *settle_secrets(struct importing *im, struct brought *b)
{
	struct import_secret *kept = arena_alloc(im->a, FOREIGN_SECRETS_MAX * sizeof *kept);
	struct import_client *c = &b->client;
	struct str hash = import_hashes_find(im->hashes, c->client_id), plain;
	const char *fault = NULL;
	if (b->n == 0 && hash.p != NULL)
		(void)record_add_secret(b, STR_NONE, hash, 0);
	if (b->n == 0 || kept == NULL)
		return "it has no secret, neither plain nor hashed.";
	for (size_t i = 0; fault == NULL && i < b->n; i++) {
		const struct brought_secret *s = &b->secrets[i];
		kept[i] = s->kept;
		if (s->plain.p != NULL || foreign_noop(s->hash, &plain))
			fault = settle_plain(im, c->client_id, s->plain.p != NULL ? s->plain : plain, &kept[i]);
		else
			fault = s->hash.p != NULL ? settle_hash(im, s->hash, &kept[i]) : settle_kept(im, c, &kept[i]);
	}
	c->secrets = kept;
	c->n = b->n;
	return fault;
}

static const char *parse_fault(enum err err)
{
	return err == ERR_TOO_LARGE ? "it is larger than a client can be." : "it isn't JSON.";
}

/* Reads and checks the record. NULL: it is a client, or left out. */
static const char *read_record(struct importing *im, const struct import_record *record, struct brought *ret)
{
	const struct json *v = NULL;
	if (record->broken)
		return "it breaks off.";
	if (record->text.n > RECORD_MAX)
		return parse_fault(ERR_TOO_LARGE);
	/* the record's text is the file's until its next one */
	struct str text = arena_copy(im->a, record->text);
	enum err err = json_parse(im->a, text, (struct json_limits){.max_depth = 16, .max_values = 20000, .max_members = 1000}, &v);
	if (err != ERR_OK)
		return parse_fault(err);
	if (v->type != JSON_OBJECT)
		return "it isn't an object.";
	const char *fault = im->form->read(im->a, v, ret);
	if (fault != NULL || ret->left_out != NULL)
		return fault;
	if ((fault = settle_organization(im, v, &ret->client)) != NULL || (fault = settle_spec(im, &ret->client)) != NULL ||
	    (fault = check_client(&ret->client)) != NULL)
		return fault;
	return settle_secrets(im, ret);
}

static void begin_batch(struct importing *im)
{
	arena_reset(im->a);
	arena_wipe_on_free(im->a);
	im->n = 0;
	im->text = sbuf_in(im->a, 65536);
	im->out = json_out_start(&im->text);
	json_open(&im->out, NULL, '[');
}

static void take_record(struct importing *im, const struct import_record *record)
{
	struct brought b = {.n = 0};
	const char *fault = read_record(im, record, &b);
	im->counts.records++;
	if (fault != NULL) {
		refuse(im, record->line, b.client.client_id, fault);
		return;
	}
	if (b.left_out != NULL) {
		im->counts.left_out++;
		ctl_say("line %u: %.*s is left out: %s", record->line, STR_ARG(b.client.client_id), b.left_out);
		return;
	}
	b.client.line = (uint32_t)im->n;
	im->pending[im->n++] =
		(struct pending){.line = record->line, .client_id = b.client.client_id, .organization = b.client.organization};
	import_put(&im->out, &b.client);
}

/* ---- a batch ---- */

static const char *outcome_fault(enum import_outcome outcome)
{
	switch (outcome) {
	case IMPORT_TAKEN:
		return "there is a client of this id, of another organization.";
	case IMPORT_DELETED:
		return "there was a client of this id, and ids are never used again.";
	case IMPORT_NO_ORGANIZATION:
		return "its organization can't be made: another one has its id, or its issuer and external id.";
	case IMPORT_OTHER_ORGANIZATION:
		return "its organization has another id here.";
	default:
		return "somebody else made it in this moment; import the file again.";
	}
}

/* What a dry run has seen before, it would find. */
static enum err would_be(struct importing *im, const struct pending *p, struct import_result *result)
{
	bool new_id = true, new_organization = false;
	if (result->outcome != IMPORT_MADE)
		return ERR_OK;
	enum err err = import_seen_add(&im->ids, p->client_id, &new_id);
	if (err == ERR_OK && new_id && result->new_organization)
		err = import_seen_add(&im->organizations, p->organization, &new_organization);
	im->counts.organizations += new_organization;
	if (!new_id)
		result->outcome = IMPORT_PRESENT;
	return err;
}

static enum err count_results(struct importing *im, const struct import_result *results, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct import_result result = results[i];
		const struct pending *p = &im->pending[result.line];
		enum err err = im->given->dry_run ? would_be(im, p, &result) : ERR_OK;
		if (err != ERR_OK)
			return err;
		if (result.outcome == IMPORT_MADE)
			im->counts.made++;
		else if (result.outcome == IMPORT_PRESENT)
			im->counts.present++;
		else
			refuse(im, p->line, p->client_id, outcome_fault(result.outcome));
	}
	return ERR_OK;
}

static int no_memory(void)
{
	ctl_say("there is no memory left");
	return EXIT_FAILED;
}

static int send_batch(struct importing *im)
{
	const struct import_result *results = NULL;
	size_t n = 0;
	int64_t organizations = 0;
	json_close(&im->out, ']');
	struct str text = sbuf_str(&im->text);
	if (im->n == 0)
		return EXIT_DONE;
	if (text.p == NULL || arena_overflowed(im->a))
		return no_memory();
	struct arena *before = operator_swap_arena(im->ctl->db, im->a);
	enum err err = im->given->dry_run ? operator_client_import_look(im->ctl->db, text, &results, &n)
					  : operator_client_import(im->ctl->db, &im->import_id, text, &results, &n, &organizations);
	operator_swap_arena(im->ctl->db, before);
	if (err != ERR_OK) {
		int status = ctl_ended(im->ctl, err);
		ctl_say("what stands before line %u is done; the same command goes on from there", im->pending[0].line);
		return status;
	}
	im->counts.organizations += organizations;
	return count_results(im, results, n) == ERR_OK ? EXIT_DONE : no_memory();
}

static void tell_progress(struct importing *im, uint32_t line)
{
	int64_t now = clock_mono_us();
	if (now - im->told_at < PROGRESS_US)
		return;
	im->told_at = now;
	ctl_say("line %u: %s %lld, there already %lld, left out %lld, refused %lld", line, im->given->dry_run ? "to be made" : "made",
		(long long)im->counts.made, (long long)im->counts.present, (long long)im->counts.left_out, (long long)im->counts.refused);
}

static int import_all(struct importing *im)
{
	struct import_record record;
	bool failed = false;
	int status = EXIT_DONE;
	im->told_at = clock_mono_us();
	begin_batch(im);
	while (status == EXIT_DONE && import_file_next(im->file, &record, &failed)) {
		take_record(im, &record);
		if (im->n < BATCH_RECORDS && im->text.n < BATCH_BYTES && arena_used(im->a) < BATCH_MEMORY / 8)
			continue;
		status = send_batch(im);
		tell_progress(im, record.line);
		begin_batch(im);
	}
	if (status == EXIT_DONE)
		status = send_batch(im);
	if (status == EXIT_DONE && failed) {
		ctl_say("the file can't be read on: %m");
		status = EXIT_FAILED;
	}
	return status;
}

static int print_counts(struct importing *im)
{
	const struct counts *c = &im->counts;
	const struct field fields[] = {
		field_bool("dry_run", im->given->dry_run),
		c->made > 0 && !im->given->dry_run ? field_uuid(im->ctl, "import_id", im->import_id) : field_text("import_id", STR_NONE),
		field_number("records", c->records),
		field_number("made", c->made),
		field_number("organizations_made", c->organizations),
		field_number("there_already", c->present),
		field_number("left_out", c->left_out),
		field_number("refused", c->refused),
	};
	int status = output_record(im->ctl, fields, sizeof fields / sizeof fields[0]);
	return status == EXIT_DONE && c->refused > 0 ? EXIT_PARTLY : status;
}

/* ---- the command ---- */

static int check_arguments(struct ctl *ctl, const struct arguments *given)
{
	if (given->file.p == NULL)
		return ctl_usage(ctl, "which file? Give FILE, or - for stdin");
	if (given->from.p != NULL && record_form(given->from) == NULL)
		return ctl_usage(ctl, "--from: expected keycloak, hydra, auth0, spring, duende, django, zitadel, logto or authentik");
	if (given->org.p != NULL && given->org_from.p != NULL)
		return ctl_usage(ctl, "--org and --org-from: one of them");
	if (given->from.p != NULL && given->org.p == NULL && given->org_from.p == NULL)
		return ctl_usage(ctl, "whose clients? Give --org SLUG, or --org-from MEMBER for one that tells");
	int status = check_scopes(ctl, &given->scopes);
	return status == EXIT_DONE ? check_audiences(ctl, &given->audiences) : status;
}

static int register_keys(struct ctl *ctl)
{
	unsigned new_keys = 0;
	return ctl_ended(ctl, operator_key_register(ctl->db, &ctl->config.ring, &new_keys));
}

static int run_import(struct importing *im)
{
	int status = import_file_open(im->given->file, im->form->container, &im->file);
	if (status == EXIT_DONE && im->given->hashes.p != NULL)
		status = import_hashes_read(im->given->hashes, &im->hashes);
	if (status == EXIT_DONE)
		status = ctl_connect(im->ctl, CONFIG_NEED_MASTER_KEYS);
	if (status == EXIT_DONE && !im->given->dry_run)
		status = register_keys(im->ctl);
	if (status == EXIT_DONE)
		status = import_all(im);
	return status == EXIT_DONE ? print_counts(im) : status;
}

int client_import(struct ctl *ctl, char **args)
{
	struct arguments given = {.lifetime = 0};
	const struct option options[] = {
		{"--from", OPTION_TEXT, &given.from, 0, 0},
		{"--org", OPTION_TEXT, &given.org, 0, 0},
		{"--org-from", OPTION_TEXT, &given.org_from, 0, 0},
		{"--hashes", OPTION_TEXT, &given.hashes, 0, 0},
		{"--scope", OPTION_WORDS, &given.scopes, 0, 0},
		{"--audience", OPTION_WORDS, &given.audiences, 0, 0},
		{"--lifetime", OPTION_NUMBER, &given.lifetime, CLIENT_LIFETIME_MIN, CLIENT_LIFETIME_MAX},
		{"--dry-run", OPTION_FLAG, &given.dry_run, 0, 0},
	};
	int status = options_read(ctl, args, options, sizeof options / sizeof options[0], &given.file);
	if (status != EXIT_DONE || (status = check_arguments(ctl, &given)) != EXIT_DONE)
		return status;
	struct importing *im = calloc(1, sizeof *im);
	struct arena *a = arena_new(BATCH_MEMORY);
	if (im == NULL || a == NULL || import_seen_init(&im->ids) != ERR_OK || import_seen_init(&im->organizations) != ERR_OK) {
		status = no_memory();
	} else {
		im->ctl = ctl;
		im->given = &given;
		im->form = record_form(given.from);
		im->import_id = uuid_v7(clock_wall_us());
		im->a = a;
		status = run_import(im);
		import_file_close(im->file);
		import_hashes_free(im->hashes);
		import_seen_release(&im->ids);
		import_seen_release(&im->organizations);
	}
	arena_free(a);
	free(im);
	return status;
}

/* ---- the way out ---- */

static int put_page(struct arena *a, const struct str *texts, size_t n)
{
	struct sbuf out = sbuf_in(a, 65536);
	for (size_t i = 0; i < n; i++) {
		sbuf_put(&out, texts[i]);
		sbuf_putc(&out, '\n');
	}
	return output_text(&out);
}

static int export_all(struct ctl *ctl, struct arena *a, struct str org)
{
	char after[FOREIGN_MAX];
	struct str last = STR_NONE;
	const struct str *texts = NULL;
	size_t n = 1;
	int status = EXIT_DONE;
	while (status == EXIT_DONE && n > 0) {
		arena_reset(a);
		struct arena *before = operator_swap_arena(ctl->db, a);
		enum err err = operator_client_export(ctl->db, org, &last, &texts, &n);
		operator_swap_arena(ctl->db, before);
		status = ctl_ended(ctl, err);
		if (status != EXIT_DONE || n == 0)
			break;
		memcpy(after, last.p, last.n);
		last = str_from(after, last.n);
		status = put_page(a, texts, n);
	}
	return status;
}

int client_export(struct ctl *ctl, char **args)
{
	struct str org = STR_NONE;
	const struct option options[] = {{"--org", OPTION_TEXT, &org, 0, 0}};
	int status = options_read(ctl, args, options, 1, NULL);
	if (status == EXIT_DONE && ctl->output != OUTPUT_TEXT && ctl->output != OUTPUT_JSON)
		status = ctl_usage(ctl, "an export is JSON lines, whatever --output says");
	if (status == EXIT_DONE)
		status = ctl_connect(ctl, 0);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_client_export_begin(ctl->db, org));
	if (status != EXIT_DONE)
		return status;
	struct arena *a = arena_new(BATCH_MEMORY);
	status = a != NULL ? export_all(ctl, a, org) : no_memory();
	arena_free(a);
	return status;
}

/* ---- help ---- */

const char client_import_help[] =
	"  --from PRODUCT      whose export it is: keycloak, hydra, auth0, spring, duende, django, zitadel, logto or authentik;\n"
	"                      without it, lines of our own form\n"
	"  --org SLUG          the organization of clients that don't name one; it is made where it isn't there\n"
	"  --org-from MEMBER   the member of each record that names its organization, such as metadata.tenant or client_id\n"
	"  --hashes FILE       lines `client_id,hash`, for an export without the secrets\n"
	"  --scope S           what the tokens of clients may be asked for whose records don't say; repeat it for more\n"
	"                      (default: M2M_DEFAULT_SCOPE)\n"
	"  --audience A        whom their tokens are for (default: M2M_DEFAULT_AUDIENCE)\n"
	"  --lifetime SECONDS  of their tokens, 60 to 2592000 (default 86400)\n"
	"  --dry-run           only tell what would be made\n\n"
	"Clients keep their ids and their secrets. What is there already stays as it is: the same file twice changes\n"
	"nothing, and an import that was cut off goes on with the same command. A record that is refused is named by its line,\n"
	"and the rest goes on; the exit code is then 7.\n\n"
	"Example:\n  m2mctl client import realm.json --from keycloak --org-from attributes.customer --dry-run\n";

const char client_export_help[] =
	"  --org SLUG          of this organization alone\n\n"
	"The lines hold no secret. They hold what secrets are checked with, and salts: another installation needs the same master\n"
	"keys. They hold no private key either: of keys the public ones, of certificates thumbprints and names.\n\n"
	"Example:\n  m2mctl client export --org acme > acme.jsonl\n";
