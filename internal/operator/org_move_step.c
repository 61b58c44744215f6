/* One transaction of a move, and the one that begins it at the target. */
#include "operator/operator_sql.h"
#include "operator/org_move_parts.h"

/* What a hash is of has one form, whatever the two databases are set to. */
#define SQL_ACT_ALONE                                                                                                                      \
	"select set_config('m2m.org_move', 'on', true), set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO, YMD', true), "  \
	"set_config('intervalstyle', 'postgres', true), set_config('bytea_output', 'hex', true), set_config('extra_float_digits', '1', "   \
	"true)"
#define SQL_GUARD "select from m2m.organization_move where move_id = $1::uuid and state = 'arriving' for share"

struct step {
	struct org_move *m;
	const char *sql;
	const struct pg_params *p;
	const struct operator_act *act;
	PGresult *r;
	bool guarded, wants_row;
};

static enum err guard(struct operator_db *db, const struct uuid *move_id)
{
	PG_RESULT r = NULL;
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_uuid(&p, move_id);
	enum err err = operator_exec(db, SQL_GUARD, &p, &r);
	if (err == ERR_OK && PQntuples(r) == 0)
		return operator_fail(db, ERR_CONFLICT, "the move was backed out meanwhile");
	return err;
}

static enum err step_body(struct operator_db *db, void *arg)
{
	struct step *s = arg;
	enum err err = operator_do(db, SQL_ACT_ALONE, NULL);
	if (err == ERR_OK && s->guarded)
		err = guard(db, &s->m->move_id);
	if (err == ERR_OK)
		err = operator_exec(db, s->sql, s->p, &s->r);
	if (err == ERR_OK && s->wants_row && PQntuples(s->r) == 0)
		return operator_fail(db, ERR_CONFLICT,
				     "the organization lives there already, or the move was backed out there; --back-out ends it "
				     "here too");
	if (err == ERR_OK && s->act != NULL && PQntuples(s->r) > 0)
		err = operator_audit(db, s->act);
	return err;
}

/* The source's sentence is the one that is printed. */
static enum err told(struct org_move *m, const struct operator_db *db, enum err err)
{
	return err == ERR_OK || db == m->from ? err : operator_fail(m->from, err, "at the target: %s", operator_why(db));
}

static enum err run(struct step *s, struct operator_db *db, PGresult **ret)
{
	s->guarded = s->m->guarded && db == s->m->to;
	enum err err = operator_transaction(db, step_body, s);
	if (err == ERR_OK && ret != NULL) {
		*ret = s->r;
		return ERR_OK;
	}
	PQclear(s->r);
	return told(s->m, db, err);
}

enum err org_move_run(struct org_move *m, struct operator_db *db, const char *sql, const struct pg_params *p,
		      const struct operator_act *act, PGresult **ret)
{
	return run(&(struct step){.m = m, .sql = sql, .p = p, .act = act}, db, ret);
}

void org_move_put_begin(struct org_move *m, struct pg_params *p, bool out)
{
	pg_params_init(p, m->from->a);
	pg_put_uuid(p, &m->move_id);
	pg_put_uuid(p, &m->organization_id);
	pg_put_uuid(p, out ? &m->target_id : &m->source_id);
	pg_put_text(p, operator_describe(out ? m->to : m->from));
	pg_put_text(p, m->url);
	pg_put_text(p, m->from->actor);
}

enum err org_move_take_organization(struct org_move *m)
{
	PG_RESULT row = NULL;
	struct pg_params p;
	pg_params_init(&p, m->from->a);
	pg_put_uuid(&p, &m->organization_id);
	pg_put_text(&p, STR("organization"));
	pg_put_array(&p, PG_TEXT, NULL, 0);
	enum err err = org_move_run(m, m->from, sql_org_move_read, &p, NULL, &row);
	if (err != ERR_OK)
		return err;
	struct str one = pg_str(row, 0, 0); /* an array of one */
	org_move_put_begin(m, &p, false);
	pg_put_text(&p, one.n > 2 ? str_from(one.p + 1, one.n - 2) : STR_NONE);
	return run(&(struct step){.m = m, .sql = sql_org_move_begin_in, .p = &p, .wants_row = true}, m->to, NULL);
}
