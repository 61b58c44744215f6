/* The steps of a move: org_move.h has their order, and what each leaves at both ends. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "operator/admin.h"
#include "operator/operator_sql.h"
#include "operator/org_move_parts.h"
#include "json/json_write.h"

#define COPY_TRIES      3
#define CHECK_MARGIN_US INT64_C(600000000)
#define DRAIN_US        INT64_C(30000000)
#define DRAIN_PAUSE_NS  2000000L
/* A gateway's poll tells it that there are ids and secrets which aren't of its own form. */
#define POLL_S 5

#define SQL_LOCK    "select pg_try_advisory_lock(hashtextextended('m2m.org_move ' || $1::text, 0))"
#define SQL_DIGEST  "select m.digest from m2m.organization_move m where m.move_id = $1::uuid"
#define SQL_FOREIGN "select exists (select from m2m.client_import)"
/* $1 move_id, $2 actor */
#define SQL_FOREIGN_TOO                                                                                                                    \
	"insert into m2m.client_import (import_id, actor) select $1::uuid, $2::text where not exists (select from m2m.client_import)"      \
	" returning 1"
/* $1 move_id, $2 whether it was opened before this run: then the pause is what it was at least */
#define SQL_PAUSE                                                                                                                          \
	"select (extract(epoch from case when $2::bool then m.ended_at else clock_timestamp() end - m.frozen_at) * 1000000)::int8, "       \
	"m.digest"                                                                                                                         \
	" from m2m.organization_move m where m.move_id = $1::uuid"

/* A statement that names the move alone. *ret_rows: how many rows it answered. */
static enum err run_move(struct org_move *m, struct operator_db *db, const char *sql, const struct operator_act *act, int *ret_rows)
{
	PG_RESULT r = NULL;
	struct pg_params p;
	pg_params_init(&p, m->from->a);
	pg_put_uuid(&p, &m->move_id);
	enum err err = org_move_run(m, db, sql, &p, act, &r);
	if (err == ERR_OK)
		*ret_rows = PQntuples(r);
	return err;
}

static void tell(const struct org_move *m, const char *step)
{
	if (m->spec->tell != NULL)
		m->spec->tell(step);
}

/* ---- the acts, as admin_audit has them ---- */

static void put_id(struct json_out *o, const char *key, struct uuid id)
{
	char text[UUID_TEXT_LEN];
	uuid_format(id, text);
	json_put_str(o, key, str_from(text, sizeof text));
}

static struct str hex_digest(struct org_move *m)
{
	struct sbuf out = sbuf_in(m->from->a, 2 * SHA256_LEN + 1);
	for (size_t i = 0; i < SHA256_LEN; i++)
		sbuf_printf(&out, "%02x", m->digest[i]);
	return sbuf_str(&out);
}

/* `other`: the word for the other end, which is "to" or "from". */
static struct operator_act act_of(struct org_move *m, const char *action, const char *other, bool copied)
{
	struct sbuf detail = sbuf_in(m->from->a, 512);
	struct json_out o = json_out_start(&detail);
	bool out = strcmp(other, "to") == 0;
	json_open(&o, NULL, '{');
	put_id(&o, "move_id", m->move_id);
	put_id(&o, other, out ? m->target_id : m->source_id);
	json_put_str(&o, "at", operator_describe(out ? m->to : m->from));
	json_put_str(&o, "url", m->url);
	if (copied) {
		json_put_int(&o, "clients", m->clients);
		json_put_str(&o, "digest", hex_digest(m));
	}
	json_close(&o, '}');
	return (struct operator_act){.action = action, .organization_id = &m->organization_id, .detail = sbuf_str(&detail)};
}

/* ---- where both ends are ---- */

static void take_source(struct org_move *m, const PGresult *r)
{
	m->organization_id = pg_uuid(r, 0, 0);
	m->slug = operator_copy(m->from, r, 0, 1);
	m->moving = operator_copy(m->from, r, 0, 2);
	m->source_id = pg_uuid(r, 0, 4);
	m->move_id = pg_uuid(r, 0, 5);
	m->state = operator_copy(m->from, r, 0, 6);
	m->peer_id = pg_uuid(r, 0, 7);
	m->peer = operator_copy(m->from, r, 0, 8);
	m->url = operator_copy(m->from, r, 0, 9);
	m->clients = pg_int8(r, 0, 11);
}

static enum err look_at_source(struct org_move *m)
{
	PG_RESULT r = NULL;
	struct pg_params p;
	pg_params_init(&p, m->from->a);
	admin_put_org(&p, m->spec->org);
	enum err err = org_move_run(m, m->from, sql_org_move_source, &p, NULL, &r);
	if (err == ERR_OK && PQntuples(r) == 0)
		return operator_fail(m->from, ERR_NOT_FOUND, "there is no organization \"%.*s\"", STR_ARG(m->spec->org));
	if (err == ERR_OK)
		take_source(m, r);
	return err;
}

struct target {
	struct str moving, state;
	bool present;
};

static enum err look_at_target(struct org_move *m, struct target *ret)
{
	PG_RESULT r = NULL;
	struct pg_params p;
	pg_params_init(&p, m->from->a);
	pg_put_uuid(&p, &m->organization_id);
	pg_put_uuid(&p, &m->move_id);
	enum err err = org_move_run(m, m->to, sql_org_move_target, &p, NULL, &r);
	if (err != ERR_OK)
		return err;
	m->target_id = pg_uuid(r, 0, 0);
	*ret = (struct target){
		.moving = operator_copy(m->from, r, 0, 1), .present = pg_bool(r, 0, 2), .state = operator_copy(m->from, r, 0, 3)};
	if (memcmp(&m->source_id, &m->target_id, sizeof m->source_id) == 0)
		return operator_fail(m->from, ERR_MISMATCH, "both URLs lead to one installation (or one database is the other's copy)");
	return ERR_OK;
}

static bool is_state(const struct org_move *m, const char *state)
{
	return str_eq(m->state, str_of(state));
}

/* It has begun and isn't over: what the source has of it holds, and not what the command line
 * says. */
static bool under_way(const struct org_move *m)
{
	return is_state(m, "copying") || is_state(m, "frozen") || (is_state(m, "moved") && str_eq(m->moving, STR("moved")));
}

/* What there was before says nothing of this one. */
static void forget_last(struct org_move *m)
{
	m->move_id = (struct uuid){.b = {0}};
	m->state = STR_NONE;
}

static enum err one_at_a_time(struct org_move *m)
{
	PG_RESULT r = NULL;
	struct pg_params p;
	char id[UUID_TEXT_LEN];
	uuid_format(m->organization_id, id);
	pg_params_init(&p, m->from->a);
	pg_put_text(&p, str_from(id, sizeof id));
	enum err err = operator_exec(m->from, SQL_LOCK, &p, &r);
	if (err == ERR_OK && !pg_bool(r, 0, 0))
		return operator_fail(m->from, ERR_CONFLICT, "another m2mctl is moving this organization now");
	return err;
}

/* Both ends, as they stay while this program has its lock. */
static enum err look(struct org_move *m, struct target *ret)
{
	enum err err = look_at_source(m);
	if (err == ERR_OK)
		err = one_at_a_time(m);
	if (err == ERR_OK)
		err = look_at_source(m);
	if (err == ERR_OK && !under_way(m))
		forget_last(m);
	if (err == ERR_OK)
		err = look_at_target(m, ret);
	if (err == ERR_OK && under_way(m) && memcmp(&m->peer_id, &m->target_id, sizeof m->peer_id) != 0)
		return operator_fail(m->from, ERR_MISMATCH,
				     "a move of this organization to another installation is under way, or over: %.*s", STR_ARG(m->peer));
	return err;
}

/* ---- the target has the master keys ---- */

static const char *till_then(const struct org_move *m)
{
	return is_state(m, "frozen") ? "the organization is frozen until then; --back-out opens it here again" : "nothing was frozen";
}

static enum err check_key(struct org_move *m, struct str key_id, struct str check)
{
	PG_RESULT r = NULL;
	struct pg_params p;
	pg_params_init(&p, m->from->a);
	pg_put_text(&p, key_id);
	pg_put_bytea(&p, check);
	enum err err = org_move_run(m, m->to, sql_org_move_has_key, &p, NULL, &r);
	if (err != ERR_OK || pg_bool(r, 0, 0))
		return err;
	if (pg_is_null(r, 0, 0))
		return operator_fail(
			m->from, ERR_KEY_MISSING,
			"the target lacks the master key \"%.*s\", which secrets of this organization are derived from and "
			"checked with: add it to the target's M2M_MASTER_KEYS_FILE, behind the keys that are there, restart its "
			"gateways, and run this again; %s",
			STR_ARG(key_id), till_then(m));
	return operator_fail(
		m->from, ERR_KEY_MISSING,
		"the target knows another master key as \"%.*s\": rotate the organization's secrets to a key with a name of its "
		"own first; %s",
		STR_ARG(key_id), till_then(m));
}

/* A secret is derived from a master key, and its verifier is keyed with it. So neither can be
 * brought under another key while the secret stays as it is. */
static enum err check_keys(struct org_move *m)
{
	PG_RESULT keys = NULL;
	struct pg_params p;
	pg_params_init(&p, m->from->a);
	pg_put_uuid(&p, &m->organization_id);
	enum err err = org_move_run(m, m->from, sql_org_move_keys, &p, NULL, &keys);
	for (int i = 0; err == ERR_OK && i < PQntuples(keys); i++)
		err = check_key(m, pg_str(keys, i, 0), pg_str(keys, i, 1));
	return err;
}

/* ---- before anything is frozen ---- */

static enum err begin(struct org_move *m)
{
	struct pg_params p;
	m->move_id = uuid_v7(clock_wall_us());
	m->url = m->spec->url;
	org_move_put_begin(m, &p, true);
	enum err err = org_move_run(m, m->from, sql_org_move_begin_out, &p, NULL, NULL);
	if (err == ERR_OK)
		m->state = STR("copying");
	return err;
}

/* The target's gateways ask about ids and secrets of other products once they know that there are
 * any. */
static enum err tell_of_foreign(struct org_move *m)
{
	PG_RESULT here = NULL;
	PG_RESULT fresh = NULL;
	struct pg_params p;
	enum err err = org_move_run(m, m->from, SQL_FOREIGN, NULL, NULL, &here);
	if (err != ERR_OK || !pg_bool(here, 0, 0))
		return err;
	pg_params_init(&p, m->from->a);
	pg_put_uuid(&p, &m->move_id);
	pg_put_text(&p, m->from->actor);
	err = org_move_run(m, m->to, SQL_FOREIGN_TOO, &p, NULL, &fresh);
	if (err == ERR_OK && PQntuples(fresh) > 0)
		nanosleep(&(struct timespec){.tv_sec = POLL_S}, NULL);
	return err;
}

static enum err copy_ahead(struct org_move *m)
{
	enum err err = tell_of_foreign(m);
	if (err == ERR_OK)
		err = org_move_copy(m);
	if (err == ERR_OK)
		err = org_move_copy_used_once(m);
	return err;
}

/* ---- the pause ---- */

static enum err freeze(struct org_move *m)
{
	PG_RESULT r = NULL;
	struct pg_params p;
	struct operator_act act = act_of(m, "freeze_organization", "to", false);
	pg_params_init(&p, m->from->a);
	pg_put_uuid(&p, &m->move_id);
	pg_put_uuid(&p, &m->organization_id);
	enum err err = org_move_run(m, m->from, sql_org_move_freeze, &p, &act, &r);
	if (err == ERR_OK && PQntuples(r) == 0)
		return operator_fail(m->from, ERR_CONFLICT, "the organization was deleted or moved meanwhile");
	return err;
}

/* Statements that looked at the organization before it was frozen may still write. */
static enum err drain(struct org_move *m)
{
	PG_RESULT writers = NULL;
	enum err err = org_move_run(m, m->from, sql_org_move_writers, NULL, NULL, &writers);
	int64_t until = clock_mono_us() + DRAIN_US;
	while (err == ERR_OK) {
		PG_RESULT left = NULL;
		struct pg_params p;
		pg_params_init(&p, m->from->a);
		pg_put_raw(&p, PQftype(writers, 0), pg_str(writers, 0, 0));
		err = operator_exec(m->from, sql_org_move_writing, &p, &left);
		if (err != ERR_OK || pg_int8(left, 0, 0) == 0)
			return err;
		if (clock_mono_us() > until)
			return operator_fail(m->from, ERR_STORE_UNAVAILABLE, "a transaction of before the freeze is still writing");
		nanosleep(&(struct timespec){.tv_nsec = DRAIN_PAUSE_NS}, NULL);
	}
	return err;
}

static enum err settle(struct org_move *m)
{
	struct pg_params p;
	pg_params_init(&p, m->from->a);
	pg_put_uuid(&p, &m->organization_id);
	return org_move_run(m, m->from, sql_org_move_settle, &p, NULL, NULL);
}

/* A unit that changed and changed back, between its listing and its copying, is found by the check:
 * then everything is compared. */
static enum err copy_the_rest(struct org_move *m)
{
	enum err err = ERR_MISMATCH;
	for (int i = 0; err == ERR_MISMATCH && i < COPY_TRIES; i++) {
		if (i > 0) {
			PQclear(m->has);
			m->has = NULL;
		}
		err = org_move_copy(m);
		if (err == ERR_OK)
			err = org_move_verify(m);
	}
	return err == ERR_OK ? org_move_copy_used_once(m) : err;
}

static enum err end_step(struct org_move *m, struct operator_db *db, const char *sql, const struct operator_act *act)
{
	PG_RESULT r = NULL;
	struct pg_params p;
	pg_params_init(&p, m->from->a);
	pg_put_uuid(&p, &m->move_id);
	pg_put_bytea(&p, str_from(m->digest, sizeof m->digest));
	enum err err = org_move_run(m, db, sql, &p, act, &r);
	if (err == ERR_OK && PQntuples(r) == 0)
		return operator_fail(m->from, ERR_CONFLICT, "the move was backed out meanwhile");
	return err;
}

static enum err leave(struct org_move *m)
{
	struct operator_act act = act_of(m, "move_organization", "to", true);
	enum err err = end_step(m, m->from, sql_org_move_leave, &act);
	if (err == ERR_OK)
		m->state = STR("moved");
	return err;
}

static enum err open_at_target(struct org_move *m)
{
	struct operator_act act = act_of(m, "receive_organization", "from", true);
	m->guarded = false;
	return end_step(m, m->to, sql_org_move_open, &act);
}

/* ---- all of it ---- */

static enum err not_yet_frozen(struct org_move *m)
{
	enum err err = check_keys(m);
	if (err == ERR_OK && !is_state(m, "copying"))
		err = begin(m);
	if (err == ERR_OK)
		err = org_move_take_organization(m);
	m->guarded = true;
	tell(m, "copying what is there");
	if (err == ERR_OK)
		err = copy_ahead(m);
	if (err != ERR_OK)
		return err;
	err = freeze(m);
	if (err == ERR_OK)
		m->state = STR("frozen");
	return err;
}

static enum err while_frozen(struct org_move *m)
{
	tell(m, "frozen; copying what has changed since");
	m->guarded = true;
	enum err err = drain(m);
	if (err == ERR_OK)
		err = check_keys(m); /* a rotation of before the freeze may have used another one */
	if (err == ERR_OK)
		err = settle(m);
	if (err == ERR_OK)
		err = copy_the_rest(m);
	return err == ERR_OK ? leave(m) : err;
}

/* As the source has recorded it. */
static enum err take_digest(struct org_move *m)
{
	PG_RESULT r = NULL;
	struct pg_params p;
	pg_params_init(&p, m->from->a);
	pg_put_uuid(&p, &m->move_id);
	enum err err = org_move_run(m, m->from, SQL_DIGEST, &p, NULL, &r);
	if (err == ERR_OK && PQntuples(r) == 1 && pg_str(r, 0, 0).n == sizeof m->digest)
		memcpy(m->digest, pg_str(r, 0, 0).p, sizeof m->digest);
	return err;
}

static enum err once_moved(struct org_move *m, const struct target *t)
{
	enum err err = ERR_OK;
	m->guarded = true;
	if (m->has == NULL) {
		err = copy_the_rest(m);
		if (err == ERR_OK)
			err = take_digest(m); /* what was left has it */
	}
	if (err == ERR_OK && !str_eq(t->state, STR("open")))
		err = open_at_target(m);
	return err;
}

static enum err check_states(struct org_move *m, const struct target *t)
{
	if (str_eq(m->moving, STR("arriving")))
		return operator_fail(m->from, ERR_CONFLICT, "the organization is being moved here; finish that first");
	if (under_way(m) || m->moving.p == NULL) {
		if (str_eq(t->state, STR("backed_out")))
			return operator_fail(m->from, ERR_CONFLICT, "the move was backed out at the target; --back-out ends it here too");
		return ERR_OK;
	}
	return operator_fail(m->from, ERR_CONFLICT, "the organization doesn't live here");
}

static enum err take_done(struct org_move *m, bool opened_before, struct org_move_done *ret)
{
	PG_RESULT r = NULL;
	struct pg_params p;
	pg_params_init(&p, m->from->a);
	pg_put_uuid(&p, &m->move_id);
	pg_put_bool(&p, opened_before);
	enum err err = org_move_run(m, m->from, SQL_PAUSE, &p, NULL, &r);
	if (err == ERR_OK && pg_str(r, 0, 1).n == sizeof m->digest)
		memcpy(m->digest, pg_str(r, 0, 1).p, sizeof m->digest);
	if (err == ERR_OK)
		*ret = (struct org_move_done){.organization_id = m->organization_id,
					      .move_id = m->move_id,
					      .slug = m->slug,
					      .peer = operator_describe(m->to),
					      .url = m->url,
					      .clients = m->clients,
					      .pause_us = pg_int8(r, 0, 0),
					      .digest = hex_digest(m)};
	return err;
}

static enum err move_on(struct org_move *m, const struct target *t)
{
	enum err err = check_states(m, t);
	bool opened = str_eq(t->state, STR("open"));
	if (err == ERR_OK && !is_state(m, "frozen") && !is_state(m, "moved"))
		err = not_yet_frozen(m);
	if (err == ERR_OK && is_state(m, "frozen"))
		err = while_frozen(m);
	if (err == ERR_OK && !opened)
		err = once_moved(m, t);
	return err;
}

enum err operator_org_move(struct operator_db *from, struct operator_db *to, const struct org_move_spec *spec, struct org_move_done *ret)
{
	int64_t now = clock_wall_us();
	struct org_move m = {.from = from, .to = to, .spec = spec, .lists_from = now, .checks = now + CHECK_MARGIN_US};
	struct target t = {.present = false};
	enum err err = look(&m, &t);
	if (err == ERR_OK)
		err = move_on(&m, &t);
	if (err == ERR_OK)
		err = take_done(&m, str_eq(t.state, STR("open")), ret);
	if (err == ERR_OK) {
		tell(&m, "open at the target; copying when each credential was used last");
		m.guarded = false;
		err = org_move_copy_uses(&m);
	}
	PQclear(m.has);
	return err;
}

/* ---- backing out ---- */

static enum err back_out_target(struct org_move *m)
{
	PG_RESULT r = NULL;
	struct pg_params p;
	int gone = 0;
	struct operator_act act = act_of(m, "back_out_move", "from", false);
	org_move_put_begin(m, &p, false);
	enum err err = org_move_run(m, m->to, sql_org_move_forget, &p, &act, &r);
	if (err == ERR_OK && !pg_bool(r, 0, 0))
		return operator_fail(m->from, ERR_CONFLICT,
				     "the organization is open at the target, or its move was being begun there: run this again; if it is "
				     "open there, move it back from there");
	return err == ERR_OK ? run_move(m, m->to, sql_org_move_forget_org, NULL, &gone) : err;
}

enum err operator_org_move_back_out(struct operator_db *from, struct operator_db *to, const struct org_move_spec *spec,
				    struct org_move_done *ret)
{
	struct org_move m = {.from = from, .to = to, .spec = spec};
	struct target t = {.present = false};
	int backed_out = 0;
	enum err err = look(&m, &t);
	if (err == ERR_OK && !under_way(&m))
		return operator_fail(from, ERR_NOT_FOUND, "no move of this organization is under way");
	if (err == ERR_OK)
		err = back_out_target(&m);
	if (err != ERR_OK)
		return err;
	struct operator_act act = act_of(&m, "back_out_move", "to", false);
	err = run_move(&m, from, sql_org_move_unfreeze, &act, &backed_out);
	if (err == ERR_OK)
		*ret = (struct org_move_done){.organization_id = m.organization_id,
					      .move_id = m.move_id,
					      .slug = m.slug,
					      .peer = operator_describe(to),
					      .url = m.url,
					      .clients = m.clients};
	return err;
}
