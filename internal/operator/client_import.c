#include "operator/client_import.h"

#include "base/clock.h"
#include "crypto/credential.h"
#include "crypto/digest.h"
#include "operator/admin.h"
#include "operator/operator_sql.h"
#include "operator/org.h"

#define BATCH_TRIES  10
#define EXPORT_BATCH 1000

/* ---- a client as an element of its batch ---- */

static void put_hex(struct json_out *o, const char *key, struct str bytes)
{
	static const char digit[] = "0123456789abcdef";
	char text[2 + 2 * SHA256_LEN] = "\\x";
	if (bytes.p == NULL)
		return;
	for (size_t i = 0; i < SHA256_LEN; i++) {
		text[2 + 2 * i] = digit[(uint8_t)bytes.p[i] >> 4];
		text[3 + 2 * i] = digit[(uint8_t)bytes.p[i] & 15];
	}
	json_put_str(o, key, str_from(text, sizeof text));
}

static void put_given(struct json_out *o, const char *key, struct str value)
{
	if (value.p != NULL)
		json_put_str(o, key, value);
}

static void put_time(struct json_out *o, const char *key, int64_t us)
{
	char text[CLOCK_RFC3339_LEN];
	if (us == 0)
		return;
	clock_rfc3339(us, text);
	json_put_str(o, key, str_from(text, sizeof text));
}

static void put_list(struct json_out *o, const char *key, const struct str *v, size_t n)
{
	json_open(o, key, '[');
	for (size_t i = 0; i < n; i++)
		json_put_str(o, NULL, v[i]);
	json_close(o, ']');
}

static void put_networks(struct json_out *o, const char *key, const struct networks *networks)
{
	if (networks->v != NULL && !networks->any)
		put_list(o, key, networks->v, networks->n);
}

static void put_change(struct json_out *o, const char *key, enum change change)
{
	if (change != CHANGE_NONE)
		json_put_bool(o, key, change == CHANGE_ON);
}

/* "none" and "default" are what a new client has by itself. */
static void put_word(struct json_out *o, const char *key, struct str word)
{
	if (word.p != NULL && !str_eq(word, STR("none")) && !str_eq(word, STR("default")))
		json_put_str(o, key, word);
}

static void put_organization(struct json_out *o, const struct import_client *c)
{
	char fresh[UUID_TEXT_LEN];
	uuid_format(uuid_v7(clock_wall_us()), fresh);
	json_put_str(o, "organization", c->organization);
	put_given(o, "organization_id", c->organization_id);
	json_put_str(o, "organization_fresh", str_from(fresh, sizeof fresh));
	put_given(o, "organization_name", c->organization_name);
	put_given(o, "organization_issuer", c->issuer);
	put_given(o, "organization_external_id", c->external_id);
	put_networks(o, "organization_networks", &c->organization_networks);
	if (c->secret_max_age != 0)
		json_put_int(o, "organization_secret_max_age", c->secret_max_age);
	if (c->organization_disabled)
		json_put_bool(o, "organization_disabled", true);
}

static void put_spec(struct json_out *o, const struct client_spec *spec)
{
	json_put_str(o, "name", spec->name.p != NULL ? spec->name : STR(""));
	put_list(o, "roles", spec->roles.v, spec->roles.n);
	put_list(o, "scopes", spec->scopes.v, spec->scopes.n);
	put_list(o, "audiences", spec->audiences.v, spec->audiences.n);
	json_put_int(o, "token_lifetime", spec->token_lifetime);
	put_word(o, "token_type", spec->token_type);
	put_networks(o, "networks", &spec->networks);
	if (spec->auth_methods.v != NULL)
		put_list(o, "auth_methods", spec->auth_methods.v, spec->auth_methods.n);
	put_word(o, "token_binding", spec->token_binding);
	put_word(o, "profile", spec->profile);
	put_change(o, "is_default", spec->is_default);
	put_change(o, "disabled", spec->disabled);
}

static void put_secret(struct json_out *o, const struct import_secret *s)
{
	json_open(o, NULL, '{');
	json_put_int(o, "version", s->version);
	put_given(o, "foreign_hash", s->foreign_hash);
	put_given(o, "key_id", s->key_id);
	put_hex(o, "verifier", s->verifier);
	put_hex(o, "salt", s->salt);
	put_given(o, "hint", s->hint);
	put_time(o, "created_at", s->created_at);
	put_time(o, "expires_at", s->expires_at);
	if (s->unused_for != 0)
		json_put_int(o, "unused_for", s->unused_for);
	json_close(o, '}');
}

static void put_credential(struct json_out *o, const struct import_credential *c)
{
	const struct workload_terms *terms = &c->spec.workload;
	json_open(o, NULL, '{');
	json_put_str(o, "credential_id", c->spec.credential_id);
	json_put_str(o, "kind", c->spec.kind);
	put_given(o, "name", c->spec.name);
	put_given(o, "public_jwk", c->spec.public_jwk);
	put_given(o, "issuer", terms->issuer);
	put_given(o, "subject", terms->subject);
	put_given(o, "audience", terms->audience);
	put_given(o, "claims", terms->claims);
	if (terms->issuer.p != NULL)
		json_put_bool(o, "may_replay", terms->may_replay);
	put_time(o, "created_at", c->created_at);
	put_time(o, "expires_at", c->spec.expires_at);
	json_close(o, '}');
}

static void put_credentials(struct json_out *o, const struct import_client *c)
{
	json_open(o, "credentials", '[');
	for (size_t i = 0; i < c->credentials_n; i++)
		put_credential(o, &c->credentials[i]);
	json_close(o, ']');
}

void import_put(struct json_out *o, const struct import_client *c)
{
	json_open(o, NULL, '{');
	json_put_int(o, "line", c->line);
	json_put_str(o, "client_id", c->client_id);
	put_organization(o, c);
	put_spec(o, &c->spec);
	json_put_int(o, "secret_version", c->secrets[c->n - 1].version);
	json_open(o, "secrets", '[');
	for (size_t i = 0; i < c->n; i++)
		put_secret(o, &c->secrets[i]);
	json_close(o, ']');
	if (c->credentials_n > 0)
		put_credentials(o, c);
	json_close(o, '}');
}

/* ---- secrets ---- */

enum err import_secret_plain(const struct master_ring *ring, struct str client_id, struct str secret, uint8_t *out,
			     struct import_secret *ret)
{
	enum err err = secret_verifier(&ring->keys[0], client_id, secret, out);
	if (err != ERR_OK)
		return err;
	ret->key_id = str_of(ring->keys[0].key_id);
	ret->verifier = str_from(out, SHA256_LEN);
	return ERR_OK;
}

enum err import_secret_check(const struct master_ring *ring, struct str organization_id, struct str client_id,
			     const struct import_secret *secret)
{
	char derived[SECRET_LEN];
	struct secret_params params = {.client_id = client_id, .version = secret->version};
	if (master_ring_find(ring, secret->key_id) == NULL)
		return ERR_KEY_MISSING;
	if (secret->salt.p == NULL)
		return ERR_OK;
	if (uuid_parse(organization_id, &params.organization_id) != ERR_OK)
		return ERR_MALFORMED;
	memcpy(params.salt, secret->salt.p, sizeof params.salt);
	enum err err = credential_derive(ring, secret->key_id, &params, secret->verifier, derived);
	crypto_wipe(derived, sizeof derived);
	return err;
}

/* ---- batches ---- */

struct batch {
	const struct uuid *import_id;
	struct str lines;
	PGresult *made; /* the organizations' count */
	PGresult *rows;
};

static enum err ask(struct operator_db *db, const char *sql, const struct batch *batch, PGresult **ret)
{
	struct origin origin = operator_origin(db);
	struct pg_params p;
	pg_params_init(&p, db->a);
	origin_put(&p, &origin);
	pg_put_uuid(&p, batch->import_id);
	pg_put_text(&p, batch->lines);
	return operator_exec(db, sql, &p, ret);
}

static enum err import_body(struct operator_db *db, void *arg)
{
	struct batch *batch = arg;
	PQclear(batch->made);
	batch->made = NULL;
	enum err err = ask(db, sql_client_import_orgs, batch, &batch->made);
	return err == ERR_OK ? ask(db, sql_client_import, batch, &batch->rows) : err;
}

static enum err look_body(struct operator_db *db, void *arg)
{
	struct batch *batch = arg;
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_text(&p, batch->lines);
	return operator_exec(db, sql_client_import_look, &p, &batch->rows);
}

static enum import_outcome outcome_of(struct str word)
{
	static const struct str words[] = {
		[IMPORT_MADE] = STR("made"),
		[IMPORT_PRESENT] = STR("present"),
		[IMPORT_TAKEN] = STR("taken"),
		[IMPORT_DELETED] = STR("deleted"),
		[IMPORT_NO_ORGANIZATION] = STR("no_organization"),
		[IMPORT_OTHER_ORGANIZATION] = STR("other_organization"),
	};
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (str_eq(word, words[i]))
			return (enum import_outcome)i;
	return IMPORT_CONFLICT;
}

static enum err take_results(struct operator_db *db, const PGresult *r, const struct import_result **ret, size_t *ret_n)
{
	size_t n = (size_t)PQntuples(r);
	struct import_result *rows = arena_alloc(db->a, (n + 1) * sizeof *rows);
	if (rows == NULL)
		return operator_fail(db, ERR_NO_MEMORY, "there is no memory left");
	for (size_t i = 0; i < n; i++)
		rows[i] = (struct import_result){
			.line = (uint32_t)pg_int4(r, (int)i, 0),
			.outcome = outcome_of(pg_str(r, (int)i, 1)),
			.new_organization = PQnfields(r) > 2 && pg_bool(r, (int)i, 2),
		};
	*ret = rows;
	*ret_n = n;
	return ERR_OK;
}

enum err operator_client_import(struct operator_db *db, const struct uuid *import_id, struct str lines, const struct import_result **ret,
				size_t *ret_n, int64_t *ret_orgs)
{
	struct batch batch = {.import_id = import_id, .lines = lines};
	/* others may make an organization's default client at the same time */
	enum err err = ERR_CONFLICT;
	for (int i = 0; err == ERR_CONFLICT && i < BATCH_TRIES; i++)
		err = operator_transaction(db, import_body, &batch);
	int64_t orgs = err == ERR_OK ? pg_int8(batch.made, 0, 0) : 0;
	if (err == ERR_OK)
		err = take_results(db, batch.rows, ret, ret_n);
	if (err == ERR_OK)
		*ret_orgs = orgs;
	PQclear(batch.made);
	PQclear(batch.rows);
	return err;
}

enum err operator_client_import_look(struct operator_db *db, struct str lines, const struct import_result **ret, size_t *ret_n)
{
	struct batch batch = {.lines = lines};
	enum err err = operator_snapshot(db, look_body, &batch);
	if (err == ERR_OK)
		err = take_results(db, batch.rows, ret, ret_n);
	PQclear(batch.rows);
	return err;
}

/* ---- the way out ---- */

struct page {
	struct str org, after;
	PGresult *rows;
};

static enum err export_body(struct operator_db *db, void *arg)
{
	struct page *page = arg;
	struct pg_params p;
	pg_params_init(&p, db->a);
	admin_put_org(&p, page->org);
	pg_put_text(&p, page->after);
	pg_put_int8(&p, EXPORT_BATCH);
	return operator_exec(db, sql_client_export, &p, &page->rows);
}

static enum err take_page(struct operator_db *db, const PGresult *r, struct str *after, const struct str **ret, size_t *ret_n)
{
	size_t n = (size_t)PQntuples(r);
	struct str *texts = arena_alloc(db->a, (n + 1) * sizeof *texts);
	for (size_t i = 0; texts != NULL && i < n; i++)
		texts[i] = operator_copy(db, r, (int)i, 1);
	struct str last = n > 0 ? operator_copy(db, r, (int)n - 1, 0) : *after;
	if (arena_overflowed(db->a))
		return operator_fail(db, ERR_NO_MEMORY, "there is no memory left");
	*after = last;
	*ret = texts;
	*ret_n = n;
	return ERR_OK;
}

enum err operator_client_export(struct operator_db *db, struct str org, struct str *after, const struct str **ret, size_t *ret_n)
{
	struct page page = {.org = org, .after = *after};
	enum err err = operator_transaction(db, export_body, &page);
	if (err == ERR_OK)
		err = take_page(db, page.rows, after, ret, ret_n);
	PQclear(page.rows);
	return err;
}

static enum err export_begin_body(struct operator_db *db, void *arg)
{
	const struct str *org = arg;
	struct sbuf detail = sbuf_in(db->a, 128);
	struct json_out o = json_out_start(&detail);
	json_open(&o, NULL, '{');
	put_given(&o, "organization", *org);
	json_close(&o, '}');
	return operator_audit(db, &(struct operator_act){.action = "export_clients", .detail = sbuf_str(&detail)});
}

enum err operator_client_export_begin(struct operator_db *db, struct str org)
{
	struct org found;
	enum err err = org.p != NULL ? operator_org_find(db, org, &found) : ERR_OK;
	return err == ERR_OK ? operator_transaction(db, export_begin_body, &org) : err;
}
