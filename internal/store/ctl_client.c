#include "store/ctl_client.h"

#include "store/ctl_exec.h"
#include "json/json_write.h"

#define PG_TEXT_ARRAY 1009

/* $1 client id or null, $2 organization's slug or null, $3 organization's id or null */
#define SQL_FIND                                                                                                                           \
	"select c.client_id, c.organization_id, o.slug, c.is_default, c.name, c.roles, c.scopes, c.audiences, c.token_lifetime,"           \
	" c.secret_version, s.hint, s.created_at, c.created_at, c.disabled_at"                                                             \
	" from m2m.client c join m2m.organization o on o.organization_id = c.organization_id"                                              \
	" left join m2m.client_secret s on s.client_id = c.client_id and s.version = c.secret_version"                                     \
	" where case when $1::text is null then c.is_default else c.client_id = $1::text end"                                              \
	" and ($2::text is null or o.slug = $2::text) and ($3::uuid is null or o.organization_id = $3::uuid)"

/* $1 client id; the others null: leave it */
#define SQL_SET                                                                                                                            \
	"update m2m.client set name = coalesce($2::text, name), roles = coalesce($3::text[], roles), scopes = coalesce($4::text[], "       \
	"scopes),"                                                                                                                         \
	" audiences = coalesce($5::text[], audiences), token_lifetime = coalesce($6::int4, token_lifetime)"                                \
	" where client_id = $1::text"

/* The time of the first of several disablings stays. */
#define SQL_SET_DISABLED                                                                                                                   \
	"update m2m.client set disabled_at = case when $2::bool then coalesce(disabled_at, statement_timestamp()) end"                     \
	" where client_id = $1::text"

struct find_task {
	struct str client_id, org;
	struct client *ret;
};

static enum err find(struct ctl_db *db, void *arg)
{
	struct find_task *task = arg;
	struct uuid id;
	bool is_id = uuid_parse(task->org, &id) == ERR_OK;
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_text(&p, task->client_id);
	pg_put_text(&p, is_id ? STR_NONE : task->org);
	pg_put_uuid(&p, is_id ? &id : NULL);

	PG_RESULT r = NULL;
	enum err err = ctl_exec(db, SQL_FIND, &p, &r);
	if (err != ERR_OK)
		return err;
	if (PQntuples(r) == 0)
		return task->client_id.p != NULL
			       ? ctl_fail(db, ERR_NOT_FOUND, "there is no client %.*s%s%.*s", STR_ARG(task->client_id),
					  task->org.p != NULL ? " of organization " : "", STR_ARG(task->org))
			       : ctl_fail(db, ERR_NOT_FOUND, "there is no organization \"%.*s\" with a default client", STR_ARG(task->org));
	*task->ret = (struct client){
		.client_id = ctl_copy(db, r, 0, 0),
		.organization_id = pg_uuid(r, 0, 1),
		.organization = ctl_copy(db, r, 0, 2),
		.is_default = pg_bool(r, 0, 3),
		.name = ctl_copy(db, r, 0, 4),
		.roles = pg_text_array_joined(r, 0, 5, db->a),
		.scopes = pg_text_array_joined(r, 0, 6, db->a),
		.audiences = pg_text_array_joined(r, 0, 7, db->a),
		.token_lifetime = pg_int4(r, 0, 8),
		.secret_version = pg_int4(r, 0, 9),
		.hint = ctl_copy(db, r, 0, 10),
		.secret_created_at = pg_is_null(r, 0, 11) ? 0 : pg_time_us(r, 0, 11),
		.created_at = pg_time_us(r, 0, 12),
		.disabled_at = pg_is_null(r, 0, 13) ? 0 : pg_time_us(r, 0, 13),
	};
	return arena_overflowed(db->a) ? ctl_fail(db, ERR_NO_MEMORY, "there is no memory left") : ERR_OK;
}

enum err ctl_client_find(struct ctl_db *db, struct str client_id, struct str org, struct client *ret)
{
	struct client found;
	struct find_task task = {client_id, org, &found};
	enum err err = ctl_transaction(db, find, &task);
	if (err == ERR_OK)
		*ret = found;
	return err;
}

struct set_task {
	const struct client *client;
	const struct client_spec *spec;
	bool disabled;
};

static void put_words(struct pg_params *p, const struct words *words)
{
	if (words->v == NULL)
		pg_put_raw(p, PG_TEXT_ARRAY, STR_NONE);
	else
		pg_put_array(p, PG_TEXT, words->v, words->n);
}

static void detail_words(struct json_out *o, const char *key, const struct words *words)
{
	if (words->v == NULL)
		return;
	json_open(o, key, '[');
	for (size_t i = 0; i < words->n; i++)
		json_put_str(o, NULL, words->v[i]);
	json_close(o, ']');
}

/* What was changed, for the audit. */
static struct str detail_of(struct arena *a, const struct client_spec *spec)
{
	struct sbuf text = sbuf_in(a, 256);
	struct json_out o = json_out_start(&text);
	json_open(&o, NULL, '{');
	if (spec->name.p != NULL)
		json_put_str(&o, "name", spec->name);
	detail_words(&o, "roles", &spec->roles);
	detail_words(&o, "scopes", &spec->scopes);
	detail_words(&o, "audiences", &spec->audiences);
	if (spec->token_lifetime != 0)
		json_put_int(&o, "token_lifetime", spec->token_lifetime);
	json_close(&o, '}');
	return sbuf_str(&text);
}

static enum err set(struct ctl_db *db, void *arg)
{
	const struct set_task *task = arg;
	const struct client_spec *spec = task->spec;
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_text(&p, task->client->client_id);
	pg_put_text(&p, spec->name);
	put_words(&p, &spec->roles);
	put_words(&p, &spec->scopes);
	put_words(&p, &spec->audiences);
	pg_put_int4_or_null(&p, spec->token_lifetime, spec->token_lifetime == 0);
	enum err err = ctl_do(db, SQL_SET, &p);
	if (err != ERR_OK)
		return err;
	return ctl_audit(db, &(struct ctl_act){.action = "set_client",
					       .organization_id = &task->client->organization_id,
					       .client_id = task->client->client_id,
					       .detail = detail_of(db->a, spec)});
}

enum err ctl_client_set(struct ctl_db *db, const struct client *client, const struct client_spec *spec)
{
	struct set_task task = {.client = client, .spec = spec};
	return ctl_transaction(db, set, &task);
}

static enum err set_disabled(struct ctl_db *db, void *arg)
{
	const struct set_task *task = arg;
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_text(&p, task->client->client_id);
	pg_put_bool(&p, task->disabled);
	enum err err = ctl_do(db, SQL_SET_DISABLED, &p);
	if (err != ERR_OK)
		return err;
	return ctl_audit(db, &(struct ctl_act){.action = task->disabled ? "disable_client" : "enable_client",
					       .organization_id = &task->client->organization_id,
					       .client_id = task->client->client_id});
}

enum err ctl_client_set_disabled(struct ctl_db *db, const struct client *client, bool disabled)
{
	struct set_task task = {.client = client, .disabled = disabled};
	return ctl_transaction(db, set_disabled, &task);
}
