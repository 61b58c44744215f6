/* m2m.schema_migration has a row for each migration that was applied, written in the transaction
 * that applied it. Status joins these rows with the embedded files; up and down act on what it
 * says, under one advisory lock of the session. */
#include "operator/migrate.h"

#include <assert.h>
#include <stdio.h>

#include "operator/exec.h"
#include "sql/schema.h"

/* "m2m migr" in ASCII: any number will do that nobody else locks. */
#define MIGRATION_LOCK 0x6d326d206d696772

/* The catalog, unlike to_regclass, answers those too who may not use the schema. */
#define SQL_SCHEMA_THERE                                                                                                                   \
	"select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace"                                              \
	" where n.nspname = 'm2m' and c.relname = 'schema_migration')"
#define SQL_APPLIED  "select version, name, checksum, applied_at from m2m.schema_migration order by version"
#define SQL_TRY_LOCK "select pg_try_advisory_lock($1::int8)"
#define SQL_PATIENCE "select set_config('lock_timeout', '60s', false)"
#define SQL_LOCK     "select pg_advisory_lock($1::int8)"
/* From PostgreSQL 16 on: what the first migration needs of the roles that it makes, and of one
 * that this login has made before. */
#define SQL_KEEP_MADE_ROLES "select set_config(name, 'set, inherit', false) from pg_settings where name = 'createrole_self_grant'"
#define SQL_OWNER_IS_OUT_OF_REACH                                                                                                          \
	"select exists (select from pg_roles where rolname = 'm2m_owner' and not " SQL_MAY_SET_ROLE(                                       \
		"oid") ")"                                                                                                                 \
		       " and current_setting('server_version_num')::int4 >= 160000"
#define SQL_REACH_OWNER "grant m2m_owner to current_user with inherit true, set true"

#define SQL_UNLOCK "select pg_advisory_unlock($1::int8)"
#define SQL_APPLY  "insert into m2m.schema_migration (version, name, checksum) values ($1::int4, $2::text, $3::bytea)"
#define SQL_FORGET "delete from m2m.schema_migration where version = $1::int4"

static bool same_checksum(const PGresult *r, int row, int version)
{
	struct str stored = pg_str(r, row, 2);
	return stored.n == SCHEMA_CHECKSUM_LEN && memcmp(stored.p, schema_checksum(version), SCHEMA_CHECKSUM_LEN) == 0;
}

struct status {
	struct migration *all;
	size_t n;
};

static enum err read_applied(struct operator_db *db, void *arg)
{
	struct status *status = arg;
	PG_RESULT r = NULL;
	enum err err = operator_exec(db, SQL_APPLIED, NULL, &r);
	if (err != ERR_OK)
		return err;

	size_t rows = (size_t)PQntuples(r);
	struct migration *all = arena_alloc(db->a, ((size_t)schema_files_n + rows) * sizeof *all);
	if (all == NULL)
		return operator_fail(db, ERR_NO_MEMORY, "there is no memory left");
	memcpy(all, status->all, status->n * sizeof *all);
	for (int row = 0; row < (int)rows; row++) {
		int version = pg_int4(r, row, 0);
		bool known = schema_checksum(version) != NULL;
		struct migration *m = known ? &all[version - 1] : &all[status->n++];
		m->version = version;
		m->name = operator_copy(db, r, row, 1);
		m->state = !known ? MIGRATION_UNKNOWN : same_checksum(r, row, version) ? MIGRATION_APPLIED : MIGRATION_DRIFTED;
		m->applied_at = pg_time_us(r, row, 3);
	}
	status->all = all;
	return ERR_OK;
}

enum err operator_migrate_status(struct operator_db *db, const struct migration **ret, size_t *ret_n)
{
	struct status status = {arena_alloc(db->a, (size_t)schema_files_n * sizeof *status.all), (size_t)schema_files_n};
	if (status.all == NULL)
		return operator_fail(db, ERR_NO_MEMORY, "there is no memory left");
	for (int i = 0; i < schema_files_n; i++)
		status.all[i] = (struct migration){schema_files[i].version, str_of(schema_files[i].name), MIGRATION_PENDING, 0};

	PG_RESULT there = NULL;
	enum err err = operator_exec(db, SQL_SCHEMA_THERE, NULL, &there);
	if (err == ERR_OK && pg_bool(there, 0, 0))
		err = operator_snapshot(db, read_applied, &status);
	if (err == ERR_OK) {
		*ret = status.all;
		*ret_n = status.n;
	}
	return err;
}

static enum err refuse_strange(struct operator_db *db, const struct migration *m)
{
	if (m->state == MIGRATION_DRIFTED)
		return operator_fail(db, ERR_MISMATCH,
				     "migration %d (%.*s) was applied from a file other than this program's: its SHA-256 differs;"
				     " use the program that applied it, and put changes into a new migration",
				     m->version, STR_ARG(m->name));
	if (m->state == MIGRATION_UNKNOWN)
		return operator_fail(db, ERR_MISMATCH,
				     "the database has migration %d (%.*s), which this program doesn't know; use a newer m2mctl",
				     m->version, STR_ARG(m->name));
	return ERR_OK;
}

/* What is applied, and that nothing strange is. */
static enum err read_known(struct operator_db *db, const struct migration **ret)
{
	size_t n = 0;
	enum err err = operator_migrate_status(db, ret, &n);
	for (size_t i = 0; err == ERR_OK && i < n; i++)
		err = refuse_strange(db, &(*ret)[i]);
	assert(err != ERR_OK || *ret != NULL);
	return err;
}

enum err operator_require_schema(struct operator_db *db)
{
	const struct migration *all = NULL;
	enum err err = read_known(db, &all);
	for (int i = 0; err == ERR_OK && i < schema_files_n; i++)
		if (all[i].state == MIGRATION_PENDING)
			err = operator_fail(db, ERR_MISMATCH, "the database lacks migration %d (%.*s); run `m2mctl migrate up`",
					    all[i].version, STR_ARG(all[i].name));
	return err;
}

static void put_lock(struct operator_db *db, struct pg_params *p)
{
	pg_params_init(p, db->a);
	pg_put_int8(p, MIGRATION_LOCK);
}

static enum err lock(struct operator_db *db, migrate_progress *progress)
{
	struct pg_params p;
	put_lock(db, &p);
	PG_RESULT tried = NULL;
	enum err err = operator_exec(db, SQL_TRY_LOCK, &p, &tried);
	if (err != ERR_OK || pg_bool(tried, 0, 0))
		return err;

	progress("another migration of this database is running; waiting for it, a minute at most");
	err = operator_do(db, SQL_PATIENCE, NULL);
	if (err == ERR_OK)
		err = operator_do(db, SQL_LOCK, &p);
	return err == ERR_STORE_UNAVAILABLE ? operator_fail(db, err, "another migration of this database did not end within a minute")
					    : err;
}

static void unlock(struct operator_db *db)
{
	struct pg_params p;
	PG_RESULT r = NULL;
	put_lock(db, &p);
	char why[sizeof db->why];
	memcpy(why, db->why, sizeof why);
	/* the lock ends with the connection then */
	if (operator_exec(db, SQL_UNLOCK, &p, &r) != ERR_OK)
		memcpy(db->why, why, sizeof why);
}

static enum err record(struct operator_db *db, const char *action, const struct schema_file *file)
{
	return operator_audit(db,
			      &(struct operator_act){.action = action, .detail = arena_printf(db->a, "{\"version\":%d}", file->version)});
}

/* The first migration makes the role m2m_owner, and takes it by itself. */
static enum err apply(struct operator_db *db, void *arg)
{
	const struct schema_file *file = arg;
	enum err err = operator_script(db, file->up);
	if (err != ERR_OK)
		return err;

	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_int4(&p, file->version);
	pg_put_text(&p, str_of(file->name));
	pg_put_bytea(&p, str_from(file->checksum, sizeof file->checksum));
	err = operator_do(db, SQL_APPLY, &p);
	return err == ERR_OK ? record(db, "migrate_up", file) : err;
}

static enum err revert(struct operator_db *db, void *arg)
{
	const struct schema_file *file = arg;
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_int4(&p, file->version);
	enum err err = operator_do(db, SQL_FORGET, &p);
	if (err == ERR_OK)
		err = record(db, "migrate_down", file);
	return err == ERR_OK ? operator_script(db, file->down) : err;
}

static void announce(migrate_progress *progress, const char *verb, const struct schema_file *file)
{
	char line[128];
	snprintf(line, sizeof line, "%s %04d_%s", verb, file->version, file->name);
	progress(line);
}

static enum err run(struct operator_db *db, const struct schema_file *file, operator_body *body, bool as_owner)
{
	struct schema_file copy = *file;
	enum err err = as_owner ? operator_transaction(db, body, &copy) : operator_transaction_plain(db, body, &copy);
	if (err != ERR_OK) {
		char why[sizeof db->why];
		memcpy(why, db->why, sizeof why);
		operator_fail(db, err, "%04d_%s: %.800s", file->version, file->name, why);
	}
	return err;
}

/* The first migration's own grant is not enough from PostgreSQL 16 on, where a login that makes
 * a role is a member that may not act as it. */
static enum err reach_owner(struct operator_db *db)
{
	PG_RESULT out_of_reach = NULL;
	enum err err = operator_do(db, SQL_KEEP_MADE_ROLES, NULL);
	if (err == ERR_OK)
		err = operator_exec(db, SQL_OWNER_IS_OUT_OF_REACH, NULL, &out_of_reach);
	if (err != ERR_OK || !pg_bool(out_of_reach, 0, 0))
		return err;
	return operator_do(db, SQL_REACH_OWNER, NULL) == ERR_OK ? ERR_OK : operator_not_the_owner(db);
}

enum err operator_migrate_up(struct operator_db *db, migrate_progress *progress, unsigned *ret_applied)
{
	const struct migration *all = NULL;
	unsigned applied = 0;
	enum err err = lock(db, progress);
	if (err != ERR_OK)
		return err;

	err = reach_owner(db);
	if (err == ERR_OK)
		err = read_known(db, &all);
	for (int i = 0; err == ERR_OK && i < schema_files_n; i++) {
		if (all[i].state != MIGRATION_PENDING)
			continue;
		announce(progress, "applying", &schema_files[i]);
		err = run(db, &schema_files[i], apply, i > 0);
		applied += err == ERR_OK;
	}
	unlock(db);
	if (err == ERR_OK)
		*ret_applied = applied;
	return err;
}

enum err operator_migrate_down(struct operator_db *db, migrate_progress *progress)
{
	const struct migration *all = NULL;
	enum err err = lock(db, progress);
	if (err != ERR_OK)
		return err;

	err = read_known(db, &all);
	if (err == ERR_OK) {
		int newest = schema_files_n - 1;
		while (newest >= 0 && all[newest].state == MIGRATION_PENDING)
			newest--;
		if (newest < 0) {
			err = operator_fail(db, ERR_NOT_FOUND, "no migration is applied");
		} else {
			announce(progress, "taking back", &schema_files[newest]);
			err = run(db, &schema_files[newest], revert, true);
			/* the file's own refusal, mostly: there is something that the older
			 * schema can't hold */
			if (err == ERR_INTERNAL)
				err = operator_refuse(db, err, &(struct operator_act){.action = "migrate_down", .outcome = "failed"});
		}
	}
	unlock(db);
	return err;
}
