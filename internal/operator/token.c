#include "operator/token.h"

#include "base/clock.h"
#include "crypto/digest.h"
#include "crypto/jwt.h"
#include "crypto/wrapped_key.h"
#include "operator/exec.h"
#include "operator/operator_sql.h"
#include "operator/org.h"
#include "sql/audit_writer.h"
#include "sql/sql_sql.h"
#include "json/json_write.h"

/* The time is the one that the claims and the row share: whole seconds, since claims have no
 * smaller part. */
#define SQL_SIGNING_KEY                                                                                                                    \
	"select k.kid, k.alg, k.sealed, k.seal_key_id, date_trunc('second', statement_timestamp())"                                        \
	" from m2m.signing_key k join m2m.signing_key_current c on c.kid = k.kid"

#define SQL_KNOW                                                                                                                           \
	"insert into m2m.operator_token (jti, token_hash, subject, expires_at) values ($1::uuid, $2::bytea, $3::text, $4::timestamptz)"

struct mint_task {
	const struct master_ring *ring;
	const struct token_spec *spec;
	struct minted_token token;
};

static void signing_key_cleanup(struct signing_key **key)
{
	signing_key_free(*key);
}
static enum err open_key(struct operator_db *db, const struct master_ring *ring, const PGresult *row, struct signing_key **ret)
{
	const struct wrapped_key key = {pg_str(row, 0, 0), pg_str(row, 0, 2), pg_str(row, 0, 3)};
	enum jwt_alg alg;
	if (jwt_alg_of(pg_str(row, 0, 1), &alg) != ERR_OK)
		return operator_fail(db, ERR_INTERNAL, "the signing key's algorithm \"%.*s\" is unknown to this program",
				     STR_ARG(pg_str(row, 0, 1)));
	enum err err = wrapped_key_open(ring, alg, &key, ret);
	if (err == ERR_OK)
		return ERR_OK;
	if (err == ERR_NO_MEMORY)
		return operator_fail(db, ERR_NO_MEMORY, "there is no memory left");
	if (err == ERR_KEY_MISSING)
		return operator_fail(db, ERR_KEY_MISSING,
				     "the signing key is sealed with the master key \"%.*s\", which is not in M2M_MASTER_KEYS",
				     STR_ARG(key.key_id));
	return operator_fail(
		db, err,
		"the signing key \"%.*s\" can't be opened: the master key \"%.*s\" isn't the one it was sealed with, or its row "
		"was changed",
		STR_ARG(key.kid), STR_ARG(key.key_id));
}

/* The key that signs at this moment, and its row, which is the caller's to clear whatever is
 * answered. */
static enum err open_current(struct operator_db *db, const struct master_ring *ring, PGresult **row, struct signing_key **ret)
{
	enum err err = operator_exec(db, SQL_SIGNING_KEY, NULL, row);
	if (err != ERR_OK)
		return err;
	if (PQntuples(*row) == 0)
		return operator_fail(db, ERR_NOT_FOUND,
				     "there is no active signing key; run `m2mctl migrate up` with M2M_MASTER_KEYS_FILE set");
	return open_key(db, ring, *row, ret);
}

static bool is_platform(const struct token_spec *spec)
{
	return spec->org.p == NULL;
}

static bool is_operator(const struct token_spec *spec)
{
	return is_platform(spec) && spec->roles.n == 1 && str_eq(spec->roles.v[0], STR("operator"));
}

static struct str compose_claims(struct arena *a, const struct token_spec *spec, const struct minted_token *t)
{
	char jti[UUID_TEXT_LEN];
	uuid_format(t->jti, jti);

	struct sbuf text = sbuf_in(a, 512);
	struct json_out o = json_out_start(&text);
	json_open(&o, NULL, '{');
	json_put_str(&o, "iss", spec->issuer);
	json_put_str(&o, "sub", spec->subject);
	json_put_str(&o, "aud", spec->audience);
	json_put_int(&o, "iat", t->issued_at / 1000000);
	json_put_int(&o, "exp", t->expires_at / 1000000);
	json_put_str(&o, "jti", str_from(jti, sizeof jti));
	if (!is_platform(spec)) {
		char organization[UUID_TEXT_LEN];
		uuid_format(t->organization_id, organization);
		json_put_str(&o, "organization_id", str_from(organization, sizeof organization));
	}
	json_open(&o, "roles", '[');
	for (size_t i = 0; i < spec->roles.n; i++)
		json_put_str(&o, NULL, spec->roles.v[i]);
	json_close(&o, ']');
	json_put_str(&o, "token_use", STR("operator"));
	json_close(&o, '}');
	return sbuf_str(&text);
}

static void writer_cleanup(struct audit_writer **w)
{
	audit_writer_free(*w);
}

/* Seals the one row in its own transaction: nothing follows that could. */
static enum err seal_row(struct operator_db *db, const struct mint_task *task, const struct uuid *organization, struct uuid batch_id)
{
	const struct minted_token *t = &task->token;
	__attribute__((cleanup(writer_cleanup))) struct audit_writer *writer = NULL;
	struct pg_params p;

	enum err err = audit_writer_new(&task->ring->keys[0], 1, &writer);
	if (err == ERR_OK) {
		audit_writer_batch_begin(writer, batch_id, t->issued_at);
		audit_writer_row(writer, &(struct audit_row){.issued_at = t->issued_at,
							     .expires_at = t->expires_at,
							     .jti = t->jti,
							     .organization_id = organization,
							     .request_id = db->request_id,
							     .batch_id = batch_id,
							     .transport = 'c',
							     .kid = t->kid,
							     .caller = task->spec->subject,
							     .scope = STR(""),
							     .audience = task->spec->audience});
		err = audit_writer_prepare(writer, SEAL_LAST);
	}
	if (err != ERR_OK)
		return operator_fail(db, err, "the token's record could not be sealed: %s", err_info(err)->text);
	pg_params_init(&p, db->a);
	audit_writer_put_key(writer, db->a, &p);
	err = operator_do(db, SQL_AUDIT_KEY, &p);
	if (err != ERR_OK)
		return err;
	pg_params_init(&p, db->a);
	audit_writer_put(writer, &p);
	return operator_do(db, sql_seal, &p);
}

/* What makes the token open something of an operator's. */
static enum err know(struct operator_db *db, const struct mint_task *task)
{
	const struct minted_token *t = &task->token;
	uint8_t hash[SHA256_LEN];
	struct pg_params p;
	enum err err = sha256(t->token.p, t->token.n, hash);
	if (err != ERR_OK)
		return operator_fail(db, err, "the token could not be hashed: %s", err_info(err)->text);
	pg_params_init(&p, db->a);
	pg_put_uuid(&p, &t->jti);
	pg_put_bytea(&p, str_from(hash, sizeof hash));
	pg_put_text(&p, task->spec->subject);
	pg_put_time(&p, t->expires_at);
	return operator_do(db, SQL_KNOW, &p);
}

/* `issued_at` is the database's own value, handed back as it came. */
static enum err record(struct operator_db *db, const struct mint_task *task, struct str issued_at)
{
	const struct minted_token *t = &task->token;
	const struct uuid *organization = is_platform(task->spec) ? NULL : &t->organization_id;
	struct uuid batch = uuid_v7(clock_wall_us());
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_raw(&p, PG_TIMESTAMPTZ, issued_at);
	pg_put_int4(&p, task->spec->lifetime);
	pg_put_uuid(&p, &t->jti);
	pg_put_uuid(&p, organization);
	pg_put_uuid(&p, &db->request_id);
	pg_put_uuid(&p, &batch);
	pg_put_text(&p, t->kid);
	pg_put_text(&p, task->spec->subject);
	pg_put_text(&p, task->spec->audience);
	PG_RESULT recorded = NULL;
	enum err err = operator_exec(db, sql_token_record, &p, &recorded);
	if (err == ERR_OK && PQntuples(recorded) == 0)
		return operator_fail(db, ERR_CONFLICT, "the organization is moving to another installation, or lives there");
	if (err == ERR_OK)
		err = seal_row(db, task, organization, batch);
	if (err == ERR_OK && is_operator(task->spec))
		err = know(db, task);
	if (err != ERR_OK)
		return err;

	char jti[UUID_TEXT_LEN];
	uuid_format(t->jti, jti);
	struct sbuf detail = sbuf_in(db->a, 256);
	struct json_out o = json_out_start(&detail);
	json_open(&o, NULL, '{');
	json_put_str(&o, "jti", str_from(jti, sizeof jti));
	json_put_str(&o, "sub", task->spec->subject);
	json_open(&o, "roles", '[');
	for (size_t i = 0; i < task->spec->roles.n; i++)
		json_put_str(&o, NULL, task->spec->roles.v[i]);
	json_close(&o, ']');
	json_put_int(&o, "lifetime", task->spec->lifetime);
	json_close(&o, '}');
	return operator_audit(db,
			      &(struct operator_act){.action = "mint_token", .organization_id = organization, .detail = sbuf_str(&detail)});
}

static enum err mint(struct operator_db *db, void *arg)
{
	struct mint_task *task = arg;
	struct minted_token *t = &task->token;
	__attribute__((cleanup(signing_key_cleanup))) struct signing_key *key = NULL;
	struct sbuf token = sbuf_in(db->a, 2048);
	PG_RESULT row = NULL;

	enum err err = open_current(db, task->ring, &row, &key);
	if (err != ERR_OK)
		return err;
	t->kid = operator_copy(db, row, 0, 0);
	t->issued_at = pg_time_us(row, 0, 4);
	t->expires_at = t->issued_at + (int64_t)task->spec->lifetime * 1000000;
	t->jti = uuid_v7(clock_wall_us());

	err = jwt_sign_libjwt(key, compose_claims(db->a, task->spec, t), &token);
	if (err != ERR_OK)
		return operator_fail(db, err, "the token could not be signed: %s", err_info(err)->text);
	t->token = sbuf_str(&token);
	return record(db, task, pg_str(row, 0, 4));
}

static enum err find_organization(struct operator_db *db, struct str slug_or_id, struct uuid *ret)
{
	struct org org;
	enum err err = operator_org_find(db, slug_or_id, &org);
	if (err != ERR_OK)
		return err;
	if (org.disabled_at != 0)
		return operator_refuse(db, operator_fail(db, ERR_NOT_FOUND, "the organization %.*s is disabled", STR_ARG(org.slug)),
				       &(struct operator_act){.action = "mint_token",
							      .outcome = "organization_disabled",
							      .organization_id = &org.organization_id});
	*ret = org.organization_id;
	return ERR_OK;
}

enum err operator_token_mint(struct operator_db *db, const struct master_ring *ring, const struct token_spec *spec,
			     struct minted_token *ret)
{
	struct mint_task task = {.ring = ring, .spec = spec};
	enum err err = is_platform(spec) ? ERR_OK : find_organization(db, spec->org, &task.token.organization_id);
	if (err != ERR_OK)
		return err;
	err = operator_transaction(db, mint, &task);
	if (err == ERR_OK)
		*ret = task.token;
	return err;
}

struct signer_task {
	const struct master_ring *ring;
	struct str kid;
};

static enum err try_signer(struct operator_db *db, void *arg)
{
	struct signer_task *task = arg;
	__attribute__((cleanup(signing_key_cleanup))) struct signing_key *key = NULL;
	PG_RESULT row = NULL;
	enum err err = open_current(db, task->ring, &row, &key);
	if (err == ERR_OK)
		task->kid = operator_copy(db, row, 0, 0);
	return err;
}

enum err operator_token_signer(struct operator_db *db, const struct master_ring *ring, struct str *ret_kid)
{
	struct signer_task task = {.ring = ring};
	enum err err = operator_transaction(db, try_signer, &task);
	if (err == ERR_OK)
		*ret_kid = task.kid;
	return err;
}

struct find_task {
	const struct uuid *jti;
	int64_t iat;
	struct token_row row;
};

static enum err find(struct operator_db *db, void *arg)
{
	struct find_task *task = arg;
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_uuid(&p, task->jti);
	pg_put_int8(&p, task->iat);
	PG_RESULT r = NULL;
	enum err err = operator_exec(db, sql_token_find, &p, &r);
	if (err != ERR_OK)
		return err;
	if (PQntuples(r) == 0)
		return operator_fail(db, ERR_NOT_FOUND, "the audit has no row for this token");

	struct str transport = pg_str(r, 0, 5);
	task->row = (struct token_row){
		.issued_at = pg_time_us(r, 0, 0),
		.expires_at = pg_time_us(r, 0, 1),
		.platform = pg_is_null(r, 0, 2),
		.organization_id = pg_uuid(r, 0, 2),
		.client_id = operator_copy(db, r, 0, 3),
		.secret_version = pg_int4(r, 0, 4),
		.transport = transport.n == 1 ? transport.p[0] : '?',
		.kid = operator_copy(db, r, 0, 6),
		.caller = operator_copy(db, r, 0, 7),
		.scope = operator_copy(db, r, 0, 8),
		.audience = operator_copy(db, r, 0, 9),
		.remote_addr = operator_copy(db, r, 0, 10),
		.auth_method = operator_copy(db, r, 0, 11),
		.credential = operator_copy(db, r, 0, 12),
		.bound_to = operator_copy(db, r, 0, 13),
	};
	return ERR_OK;
}

enum err operator_token_find(struct operator_db *db, const struct uuid *jti, int64_t iat, struct token_row *ret)
{
	struct find_task task = {.jti = jti, .iat = iat};
	enum err err = operator_transaction(db, find, &task);
	if (err == ERR_OK)
		*ret = task.row;
	return err;
}

enum err operator_now(struct operator_db *db, int64_t *ret)
{
	PG_RESULT r = NULL;
	enum err err = operator_exec(db, "select clock_timestamp()", NULL, &r);
	if (err == ERR_OK)
		*ret = pg_time_us(r, 0, 0);
	return err;
}
