/* Asking over the serving connection. */
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "sql/admin_statement.h"
#include "sql/bearer.h"
#include "sql/console.h"
#include "sql/outcome.h"
#include "store/act_bound.h"
#include "store/store_parts.h"

/* Ours, until it is answered. */
struct asked {
	struct store *store;
	bool writes;
	const struct origin *of; /* whose act it is; NULL: none */
	enum err refused;        /* for what, while that is being recorded */
	pg_unit_done *answered;
	alignas(max_align_t) unsigned char call[];
};

static void answer(struct asked *asked, enum err err, const PGresult *r)
{
	if (asked->writes)
		store_note_write(asked->store, err);
	asked->answered(asked->call, err, r);
	free(asked);
}

/* ---- acts that are refused ----
 *
 * An act's own statement records what it refuses. What PostgreSQL itself refuses takes the
 * statement back with all that it has written. Then the refusal is recorded here, and answered
 * behind that. */

static bool is_refusal(enum err err)
{
	return err == ERR_FORBIDDEN || err == ERR_ORGANIZATION_MOVING || err == ERR_ORGANIZATION_MOVED;
}

/* Each has room of its own: the tokens of organizations, which are many, take none from
 * operators. */
static bool is_beyond_bound(struct store *s, const struct origin *o, enum err why)
{
	struct act_bound *bound = why != ERR_FORBIDDEN ? &s->moving_acts : o->act->below != NULL ? &s->members_acts : &s->refused_acts;
	/* what is refused since it moves is there: its name can't be made up */
	struct str named = why != ERR_FORBIDDEN ? *o->act->organization : STR_NONE;
	return !act_bound_takes(bound, o, named, store_now_us(s));
}

static enum err send_refused(struct store *s, const struct origin *o, enum err why, pg_unit_done *done, void *arg)
{
	const struct named_act *act = o->act;
	static const struct uuid none;
	static const struct bearer nobody;
	const struct bearer *bearer = act->below == NULL ? &nobody : act->below;
	bool known = memcmp(act->organization_id, &none, sizeof none) != 0;
	struct pg_params p;
	store_params(s, &p);
	bearer_put(&p, bearer);
	origin_put(&p, o);
	pg_put_text(&p, str_of(act->action));
	pg_put_text(&p, str_of(err_info(why)->code));
	admin_put_org(&p, act_bound_cut(*act->organization));
	pg_put_uuid(&p, known ? act->organization_id : NULL);
	pg_put_text(&p, *act->client_id);
	pg_put_text(&p, act->about == NULL ? STR_NONE : str_of(act->about));
	pg_put_text(&p, act->about == NULL ? STR_NONE : act_bound_cut(*act->what));
	pg_put_bool(&p, act->below != NULL);
	bearer_put_proof(&p, bearer);
	return pg_conn_send(s->serve_conn, STMT_ACT_REFUSED, &p, (int)s->config->request_timeout_ms, done, arg);
}

static enum err unrecorded(enum err err)
{
	return err == ERR_OVERLOADED ? err : ERR_STORE_UNAVAILABLE;
}

/* What isn't recorded isn't told either. */
static void recorded(void *arg, enum err err, const PGresult *r)
{
	struct asked *asked = arg;
	(void)r;
	answer(asked, err == ERR_OK ? asked->refused : unrecorded(err), NULL);
}

static void relay(void *arg, enum err err, const PGresult *r)
{
	struct asked *asked = arg;
	if (asked->of == NULL || !is_refusal(err) || is_beyond_bound(asked->store, asked->of, err)) {
		answer(asked, err, r);
		return;
	}
	asked->refused = err;
	err = send_refused(asked->store, asked->of, err, recorded, asked);
	if (err != ERR_OK)
		recorded(asked, err, NULL);
}

struct refusal {
	act_recorded *done;
	void *arg;
};

static void refusal_recorded(void *arg, enum err err, const PGresult *r)
{
	struct refusal refusal = *(struct refusal *)arg;
	(void)r;
	free(arg);
	refusal.done(refusal.arg, err == ERR_OK ? ERR_OK : unrecorded(err));
}

enum err store_record_refusal(struct store *s, const struct origin *o, enum err why, act_recorded *done, void *arg)
{
	if (is_beyond_bound(s, o, why))
		return ERR_RATE_LIMITED;
	struct refusal *refusal = malloc(sizeof *refusal);
	if (refusal == NULL)
		return ERR_OVERLOADED;
	*refusal = (struct refusal){done, arg};
	enum err err = send_refused(s, o, why, refusal_recorded, refusal);
	if (err != ERR_OK)
		free(refusal);
	return err;
}

/* ---- asking ---- */

/* Who acts as an operator is held live in the act's own transaction. */
static enum err send_held(struct store *s, enum statement statement, const struct pg_params *p, struct asked *asked)
{
	int timeout_ms = (int)s->config->request_timeout_ms;
	if (p->by == NULL)
		return pg_conn_send(s->serve_conn, statement, p, timeout_ms, relay, asked);
	struct pg_params proof;
	pg_params_init(&proof, s->scratch);
	console_put_proof(&proof, p->by);
	return pg_conn_send_guarded(s->serve_conn, &(struct pg_query){STMT_OPERATOR_HOLDS, &proof}, &(struct pg_query){statement, p},
				    timeout_ms, relay, asked);
}

enum err store_submit(struct store *s, enum statement statement, bool writes, const struct pg_params *p, pg_unit_done *answered,
		      const void *call, size_t n)
{
	struct asked *asked = malloc(sizeof *asked + n);
	if (asked == NULL)
		return ERR_OVERLOADED;
	*asked = (struct asked){.store = s, .writes = writes, .of = p->of, .answered = answered};
	if (p->of != NULL)
		p->of->act->asked = true;
	memcpy(asked->call, call, n);
	enum err err = send_held(s, statement, p, asked);
	if (err != ERR_OK)
		free(asked);
	return err;
}

enum err store_fault(enum err err)
{
	return err == ERR_STORE_UNAVAILABLE || err == ERR_OVERLOADED || err == ERR_ORGANIZATION_MOVING || err == ERR_ORGANIZATION_MOVED
		       ? err
		       : ERR_INTERNAL;
}

enum err store_outcome(enum err err, const PGresult *r)
{
	if (err == ERR_OK)
		return PQntuples(r) == 1 ? outcome_err(pg_str(r, 0, 0)) : ERR_INTERNAL;
	/* what m2m.operator_holds says */
	return err == ERR_INVALID_TOKEN || err == ERR_FORBIDDEN ? err : store_fault(err);
}

enum err store_act_err(enum err err)
{
	switch (err) {
	case ERR_EXISTS: /* another's commit overtook the statement's check, and not the index */
		return ERR_ALREADY_EXISTS;
	case ERR_CONFLICT:
	case ERR_INVALID_TOKEN:
	case ERR_FORBIDDEN:
		return err;
	default:
		return store_fault(err);
	}
}
