#include "operator/report.h"

#include "operator/exec.h"

/* $1 slug or null, $2 client id or null, $3 limit. A report that doesn't know the one or the
 * other is not asked with it. */
#define REPORT(view, org, client, order)                                                                                                   \
	"select row_to_json(r)::text from (select * from m2m." view " where ($1::text is null or " org " = $1::text)"                      \
	" and ($2::text is null or " client " = $2::text) order by " order " limit $3::int4) r"
#define NONE "null"
/* Of views that have the organization's id, or only the client. */
#define ORG_BY_CLIENT "(select o.slug from m2m.client c join m2m.organization o using (organization_id) where c.client_id = v.client_id)"
#define REPORT_V(view, client, order)                                                                                                      \
	"select row_to_json(r)::text from (select v.* from m2m." view " v where ($1::text is null or " ORG_BY_CLIENT " = $1::text)"        \
	" and ($2::text is null or " client " = $2::text) order by " order " limit $3::int4) r"

static const struct {
	const char *name, *sql;
	bool orgs, clients;
} reports[] = {
	{"tokens_per_day", REPORT("tokens_per_day", "organization", NONE, "day desc, organization"), true, false},
	{"tokens_by_secret_version", REPORT_V("tokens_by_secret_version", "v.client_id", "v.client_id, v.secret_version"), true, true},
	{"tokens_by_auth_method",
	 REPORT("tokens_by_auth_method", "organization", "client_id", "day desc, organization, client_id, auth_method"), true, true},
	{"tokens_by_signing_key", REPORT("tokens_by_signing_key", NONE, NONE, "last_issued_at desc"), false, false},
	{"secret_last_use", REPORT_V("secret_last_use", "v.client_id", "v.client_id, v.secret_version"), true, true},
	{"credential_last_use", REPORT("credential_last_use", "organization", "client_id", "client_id, kind, credential_id"), true, true},
	{"client_last_use", REPORT("client_last_use", "organization", "client_id", "last_used_at desc nulls last, client_id"), true, true},
	{"clients_never_used", REPORT("clients_never_used", "organization", "client_id", "created_at desc, client_id"), true, true},
	{"secrets_used_after_rotation", REPORT_V("secrets_used_after_rotation", "v.client_id", "v.last_issued_at desc"), true, true},
	{"secrets_read_or_rotated", REPORT("secrets_read_or_rotated", "organization", "client_id", "at desc"), true, true},
	{"failed_attempts_by_client", REPORT("failed_attempts_by_client", "organization", "client_id", "attempts desc"), true, true},
	{"attempts_from_elsewhere", REPORT("attempts_from_elsewhere", "organization", "client_id", "minute desc"), true, true},
	{"failed_attempts_by_address", REPORT("failed_attempts_by_address", NONE, NONE, "attempts desc"), false, false},
};

#define SQL_STORY "select row_to_json(s)::text from m2m.token_story($1::uuid) s"

struct task {
	const char *sql;
	const struct report_question *question;
	const struct uuid *jti;
	struct str *rows;
	size_t n;
};

static enum err ask(struct operator_db *db, void *arg)
{
	struct task *task = arg;
	PG_RESULT r = NULL;
	struct pg_params p;
	enum err err = operator_do(db, "set local timezone = 'UTC'", NULL);
	if (err != ERR_OK)
		return err;
	pg_params_init(&p, db->a);
	if (task->jti != NULL) {
		pg_put_uuid(&p, task->jti);
	} else {
		pg_put_text(&p, task->question->org);
		pg_put_text(&p, task->question->client_id);
		pg_put_int4(&p, task->question->limit);
	}
	err = operator_exec(db, task->sql, &p, &r);
	if (err != ERR_OK)
		return err;
	task->n = (size_t)PQntuples(r);
	task->rows = operator_copy_column(db, r);
	return arena_overflowed(db->a) ? operator_fail(db, ERR_NO_MEMORY, "there are more rows than there is memory for") : ERR_OK;
}

static enum err answer(struct operator_db *db, struct task *task, const struct str **ret, size_t *ret_n)
{
	enum err err = operator_snapshot(db, ask, task);
	if (err == ERR_OK) {
		*ret = task->rows;
		*ret_n = task->n;
	}
	return err;
}

enum err operator_report(struct operator_db *db, const struct report_question *question, const struct str **ret, size_t *ret_n)
{
	for (size_t i = 0; i < sizeof reports / sizeof reports[0]; i++) {
		struct task task = {.sql = reports[i].sql, .question = question};
		if (!str_eq(question->name, str_of(reports[i].name)))
			continue;
		if ((question->org.p != NULL && !reports[i].orgs) || (question->client_id.p != NULL && !reports[i].clients))
			return operator_fail(db, ERR_MISMATCH, "%s can't be had for one %s", reports[i].name,
					     question->client_id.p != NULL && !reports[i].clients ? "client" : "organization");
		return answer(db, &task, ret, ret_n);
	}
	return operator_fail(db, ERR_NOT_PRESENT, "there is no report %.*s: m2mctl audit report --help lists them",
			     STR_ARG(question->name));
}

enum err operator_story(struct operator_db *db, const struct uuid *jti, const struct str **ret, size_t *ret_n)
{
	struct task task = {.sql = SQL_STORY, .jti = jti};
	enum err err = answer(db, &task, ret, ret_n);
	return err == ERR_OK && *ret_n == 0 ? operator_fail(db, ERR_NOT_FOUND, "the audit has no row for this token") : err;
}
