#include "operator/export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "operator/operator_sql.h"
#include "operator/seal_parts.h"
#include "sql/audit_row.h"

#define PATH_MAX_LEN 4096

/* Those that seal rows of the week, and those that came with them. */
#define SQL_SEALS                                                                                                                          \
	"copy (select " SEAL_COLUMNS " from m2m.audit_seal s where s.at >= " SPAN_FROM " - " SQL_CLOCK_SET_BACK                            \
	" and (s.previous_at >= " SPAN_FROM " and s.previous_at < " SPAN_UNTIL " and s.sealed_batch_id is not null"                        \
	"  or s.at >= " SPAN_FROM " and s.at < " SPAN_UNTIL " and s.batch_id is not null)) to stdout (format binary)"

struct export_task {
	struct str partition;
	const char *rows_path, *seals_path;
	struct audit_export made;
};

static enum err write_failed(struct operator_db *db, const char *path)
{
	enum err err = errno == EEXIST ? ERR_EXISTS : ERR_IO;
	return operator_fail(db, err, errno == EEXIST ? "%s is there already" : "%s can't be written: %m", path);
}

static enum err write_copy(struct operator_db *db, const char *path, FILE *out, uint64_t *ret_tuples, uint64_t *ret_bytes)
{
	enum err err = ERR_OK;
	char *p;
	for (int n; (n = PQgetCopyData(db->conn, &p, 0)) != -1; PQfreemem(p)) {
		if (n < 0)
			return operator_fail_with_libpq(db, ERR_STORE_UNAVAILABLE, "reading the audit failed: ", PQerrorMessage(db->conn));
		if (err == ERR_OK && fwrite(p, 1, (size_t)n, out) != (size_t)n)
			err = write_failed(db, path);
		*ret_tuples += 1;
		*ret_bytes += (uint64_t)n;
	}
	*ret_tuples -= 1; /* the trailer; the header comes with the first one */
	return err;
}

static enum err copy_to(struct operator_db *db, const char *sql, const char *path, FILE *out, uint64_t *ret_tuples, uint64_t *ret_bytes)
{
	PG_RESULT begun = PQexec(db->conn, sql);
	if (PQresultStatus(begun) != PGRES_COPY_OUT)
		return operator_fail(db, ERR_INTERNAL, "the audit can't be read: %s", PQresultErrorMessage(begun));
	enum err err = write_copy(db, path, out, ret_tuples, ret_bytes);
	for (PGresult *end; (end = PQgetResult(db->conn)) != NULL; PQclear(end))
		if (PQresultStatus(end) == PGRES_FATAL_ERROR)
			err = operator_fail(db, ERR_STORE_UNAVAILABLE, "reading the audit failed: %s", PQresultErrorMessage(end));
	return err;
}

/* Under another name until it is whole, and never over a file that is there. */
static enum err make_file(struct operator_db *db, const char *sql, const char *path, uint64_t *ret_tuples, uint64_t *ret_bytes)
{
	struct str partial = arena_printf(db->a, "%s.partial-%d", path, (int)getpid());
	int fd = partial.p == NULL ? -1 : open(partial.p, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "wb");
	if (out == NULL) {
		enum err failed = write_failed(db, path);
		if (fd >= 0)
			close(fd);
		return failed;
	}
	enum err err = copy_to(db, sql, path, out, ret_tuples, ret_bytes);
	if (err == ERR_OK && (fflush(out) != 0 || fsync(fd) != 0))
		err = write_failed(db, path);
	if (fclose(out) != 0 && err == ERR_OK)
		err = write_failed(db, path);
	if (err == ERR_OK && link(partial.p, path) != 0)
		err = write_failed(db, path);
	(void)unlink(partial.p);
	return err;
}

static enum err export_week(struct operator_db *db, void *arg)
{
	struct export_task *task = arg;
	struct audit_export *made = &task->made;
	PG_RESULT r = NULL;
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_text(&p, task->partition);
	enum err err = operator_exec(db, sql_week, &p, &r);
	if (err != ERR_OK)
		return err;
	if (PQntuples(r) == 0)
		return operator_fail(db, ERR_NOT_FOUND, "there is no partition %.*s; `m2mctl audit partitions` lists them",
				     STR_ARG(task->partition));
	if (!pg_bool(r, 0, 2))
		return operator_fail(db, ERR_CONFLICT,
				     "the week of %.*s isn't over and counted: `m2mctl audit count` makes sure that no row can follow",
				     STR_ARG(task->partition));
	err = seal_set_span(db, pg_time_us(r, 0, 0), pg_time_us(r, 0, 1));
	if (err == ERR_OK)
		err = make_file(db, SQL_SEALS, task->seals_path, &made->seals, &made->bytes);
	if (err != ERR_OK)
		return err;
	err = make_file(db, SQL_SPAN_ROWS, task->rows_path, &made->rows, &made->bytes);
	if (err != ERR_OK)
		(void)unlink(task->seals_path);
	return err;
}

static enum err paths_of(struct operator_db *db, struct str file, const char **ret_rows, const char **ret_seals)
{
	struct str rows = arena_copy(db->a, file);
	struct str seals = arena_printf(db->a, "%.*s.seals", STR_ARG(file));
	*ret_rows = rows.p;
	*ret_seals = seals.p;
	return rows.p == NULL || seals.p == NULL ? operator_fail(db, ERR_NO_MEMORY, "there is no memory left") : ERR_OK;
}

enum err operator_audit_export(struct operator_db *db, struct str partition, struct str file, struct audit_export *ret)
{
	struct export_task task = {.partition = partition};
	enum err err = paths_of(db, file, &task.rows_path, &task.seals_path);
	if (err == ERR_OK && (access(task.rows_path, F_OK) == 0 || access(task.seals_path, F_OK) == 0)) {
		errno = EEXIST;
		err = write_failed(db, access(task.rows_path, F_OK) == 0 ? task.rows_path : task.seals_path);
	}
	if (err == ERR_OK)
		err = operator_snapshot(db, export_week, &task);
	if (err == ERR_OK)
		*ret = task.made;
	return err;
}

/* ---- checking ---- */

struct operator_db *operator_offline(struct arena *a)
{
	struct operator_db *db = arena_alloc(a, sizeof *db);
	if (db != NULL)
		db->a = a;
	return db;
}

enum err operator_seal_check_files(struct operator_db *db, struct str file, const struct seal_check_spec *spec, struct seal_check *ret)
{
	const char *rows;
	const char *seals;
	enum err err = paths_of(db, file, &rows, &seals);
	return err == ERR_OK ? seal_check_files(db, rows, seals, spec, ret) : err;
}
