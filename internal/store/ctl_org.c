#include "store/ctl_org.h"

#include "base/clock.h"
#include "crypto/digest.h"
#include "store/ctl_credential.h"
#include "store/ctl_exec.h"
#include "store/ctl_key.h"
#include "json/json_write.h"

#define SQL_INSERT_ORG                                                                                                                     \
	"insert into m2m.organization (organization_id, slug, name, issuer, external_id)"                                                  \
	" values ($1::uuid, $2::text, $3::text, coalesce($4::text, ''), $5::text) on conflict do nothing returning created_at"
#define SQL_INSERT_CLIENT                                                                                                                  \
	"insert into m2m.client (client_id, organization_id, is_default, name, roles, scopes, audiences, token_lifetime, secret_version)"  \
	" values ($1::text, $2::uuid, true, coalesce($3::text, ''), $4::text[], $5::text[], $6::text[], $7::int4, 1)"
#define SQL_INSERT_SECRET                                                                                                                  \
	"insert into m2m.client_secret (client_id, version, key_id, salt, verifier, hint)"                                                 \
	" values ($1::text, 1, $2::text, $3::bytea, $4::bytea, $5::text) returning created_at"

/* $1 slug or null, $2 id or null; both null: all */
#define SQL_LIST                                                                                                                           \
	"select o.organization_id, o.slug, o.name, o.issuer, o.external_id, c.client_id, o.created_at, o.disabled_at"                      \
	" from m2m.organization o left join m2m.client c on c.organization_id = o.organization_id and c.is_default"                        \
	" where ($1::text is null or o.slug = $1::text) and ($2::uuid is null or o.organization_id = $2::uuid) order by o.slug"

/* The time of the first of several disablings stays. */
#define SQL_SET_DISABLED                                                                                                                   \
	"update m2m.organization set disabled_at = case when $2::bool then coalesce(disabled_at, statement_timestamp()) end"               \
	" where organization_id = $1::uuid"

struct create_task {
	const struct master_ring *ring;
	const struct org_spec *spec;
	struct org org;
	struct ctl_credential made;
	int64_t secret_created_at;
};

static enum err insert_org(struct ctl_db *db, struct create_task *task)
{
	const struct org_spec *spec = task->spec;
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_uuid(&p, &task->org.organization_id);
	pg_put_text(&p, spec->slug);
	pg_put_text(&p, spec->name);
	pg_put_text(&p, spec->issuer);
	pg_put_text(&p, spec->external_id);
	PG_RESULT r = NULL;
	enum err err = ctl_exec(db, SQL_INSERT_ORG, &p, &r);
	if (err != ERR_OK)
		return err;
	if (PQntuples(r) == 0)
		return ctl_fail(db, ERR_EXISTS, "an organization with the slug \"%.*s\"%s exists already", STR_ARG(spec->slug),
				spec->external_id.p != NULL ? ", or with this issuer and external id," : "");
	task->org.created_at = pg_time_us(r, 0, 0);

	struct sbuf detail = sbuf_in(db->a, 256);
	struct json_out o = json_out_start(&detail);
	json_open(&o, NULL, '{');
	json_put_str(&o, "slug", spec->slug);
	json_put_str(&o, "name", spec->name);
	json_close(&o, '}');
	return ctl_audit(db, &(struct ctl_act){.action = "create_organization",
					       .organization_id = &task->org.organization_id,
					       .detail = sbuf_str(&detail)});
}

static enum err insert_client(struct ctl_db *db, struct create_task *task)
{
	const struct client_spec *spec = &task->spec->client;
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_text(&p, task->org.client_id);
	pg_put_uuid(&p, &task->org.organization_id);
	pg_put_text(&p, spec->name);
	pg_put_array(&p, PG_TEXT, spec->roles.v, spec->roles.n);
	pg_put_array(&p, PG_TEXT, spec->scopes.v, spec->scopes.n);
	pg_put_array(&p, PG_TEXT, spec->audiences.v, spec->audiences.n);
	pg_put_int4(&p, spec->token_lifetime);
	return ctl_do(db, SQL_INSERT_CLIENT, &p);
}

static enum err insert_secret(struct ctl_db *db, struct create_task *task)
{
	const struct master_key *key = &task->ring->keys[0];
	enum err err = ctl_credential_make(db, key, &task->org.organization_id, task->org.client_id, 1, &task->made);
	if (err != ERR_OK)
		return err;

	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_text(&p, task->org.client_id);
	pg_put_text(&p, str_of(key->key_id));
	pg_put_bytea(&p, str_from(task->made.salt, sizeof task->made.salt));
	pg_put_bytea(&p, str_from(task->made.verifier, sizeof task->made.verifier));
	pg_put_text(&p, str_from(task->made.hint, sizeof task->made.hint));
	PG_RESULT r = NULL;
	err = ctl_exec(db, SQL_INSERT_SECRET, &p, &r);
	if (err != ERR_OK)
		return err;
	task->secret_created_at = pg_time_us(r, 0, 0);
	return ctl_audit(db, &(struct ctl_act){.action = "create_client",
					       .organization_id = &task->org.organization_id,
					       .client_id = task->org.client_id,
					       .secret_version = 1});
}

static enum err create(struct ctl_db *db, void *arg)
{
	enum err err = insert_org(db, arg);
	if (err == ERR_OK)
		err = insert_client(db, arg);
	if (err == ERR_OK)
		err = insert_secret(db, arg);
	return err;
}

enum err ctl_org_create(struct ctl_db *db, const struct master_ring *ring, const struct org_spec *spec, struct org *ret,
			struct client_secret *ret_secret)
{
	char client_id[CLIENT_ID_LEN];
	unsigned new_keys = 0;
	enum err err = ctl_key_register(db, ring, &new_keys); /* no secret under a key that the gateways don't mean by this name */
	if (err != ERR_OK)
		return err;
	err = client_id_make(client_id);
	if (err != ERR_OK)
		return ctl_fail(db, err, "%s", err_info(err)->text);

	struct create_task task = {
		.ring = ring,
		.spec = spec,
		.org = {.organization_id = uuid_v7(clock_wall_us()),
			.slug = spec->slug,
			.name = spec->name,
			.issuer = spec->issuer,
			.external_id = spec->external_id,
			.client_id = arena_copy(db->a, str_from(client_id, sizeof client_id))},
	};
	err = ctl_transaction(db, create, &task);
	if (err == ERR_OK) {
		*ret = task.org;
		*ret_secret = (struct client_secret){
			.client_id = task.org.client_id,
			.secret = arena_copy(db->a, str_from(task.made.secret, SECRET_LEN)),
			.hint = arena_copy(db->a, str_from(task.made.hint, SECRET_HINT_LEN)),
			.version = 1,
			.created_at = task.secret_created_at,
		};
	}
	crypto_wipe(&task.made, sizeof task.made);
	return err;
}

struct list_task {
	struct str slug_or_id; /* absent: all */
	struct org *rows;
	size_t n;
};

static enum err read_list(struct ctl_db *db, void *arg)
{
	struct list_task *task = arg;
	struct uuid id;
	bool is_id = uuid_parse(task->slug_or_id, &id) == ERR_OK;
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_text(&p, is_id ? STR_NONE : task->slug_or_id);
	pg_put_uuid(&p, is_id ? &id : NULL);
	PG_RESULT r = NULL;
	enum err err = ctl_exec(db, SQL_LIST, &p, &r);
	if (err != ERR_OK)
		return err;

	task->n = (size_t)PQntuples(r);
	task->rows = arena_alloc(db->a, task->n * sizeof *task->rows);
	for (int i = 0; task->rows != NULL && i < (int)task->n; i++)
		task->rows[i] = (struct org){
			.organization_id = pg_uuid(r, i, 0),
			.slug = ctl_copy(db, r, i, 1),
			.name = ctl_copy(db, r, i, 2),
			.issuer = ctl_copy(db, r, i, 3),
			.external_id = ctl_copy(db, r, i, 4),
			.client_id = ctl_copy(db, r, i, 5),
			.created_at = pg_time_us(r, i, 6),
			.disabled_at = pg_is_null(r, i, 7) ? 0 : pg_time_us(r, i, 7),
		};
	return arena_overflowed(db->a) ? ctl_fail(db, ERR_NO_MEMORY, "there are more organizations than there is memory for") : ERR_OK;
}

enum err ctl_org_list(struct ctl_db *db, const struct org **ret, size_t *ret_n)
{
	struct list_task task = {.slug_or_id = STR_NONE};
	enum err err = ctl_transaction(db, read_list, &task);
	if (err == ERR_OK) {
		*ret = task.rows;
		*ret_n = task.n;
	}
	return err;
}

enum err ctl_org_find(struct ctl_db *db, struct str slug_or_id, struct org *ret)
{
	struct list_task task = {.slug_or_id = slug_or_id};
	enum err err = ctl_transaction(db, read_list, &task);
	if (err == ERR_OK && task.n == 0)
		return ctl_fail(db, ERR_NOT_FOUND, "there is no organization \"%.*s\"", STR_ARG(slug_or_id));
	if (err == ERR_OK)
		*ret = task.rows[0];
	return err;
}

struct disable_task {
	struct uuid organization_id;
	bool disabled;
};

static enum err set_disabled(struct ctl_db *db, void *arg)
{
	const struct disable_task *task = arg;
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_uuid(&p, &task->organization_id);
	pg_put_bool(&p, task->disabled);
	enum err err = ctl_do(db, SQL_SET_DISABLED, &p);
	if (err != ERR_OK)
		return err;
	return ctl_audit(db, &(struct ctl_act){.action = task->disabled ? "disable_organization" : "enable_organization",
					       .organization_id = &task->organization_id});
}

enum err ctl_org_set_disabled(struct ctl_db *db, struct str slug_or_id, bool disabled, struct org *ret)
{
	struct org org;
	enum err err = ctl_org_find(db, slug_or_id, &org);
	if (err != ERR_OK)
		return err;
	struct disable_task task = {org.organization_id, disabled};
	err = ctl_transaction(db, set_disabled, &task);
	return err == ERR_OK ? ctl_org_find(db, slug_or_id, ret) : err;
}
