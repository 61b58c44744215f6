/* m2mctl config check: everything that would stop the gateway or m2mctl, before it does. */
#include "ctl.h"
#include "options.h"
#include "output.h"
#include "store/ctl_key.h"

enum { FINDINGS_MAX = 8 };

struct findings {
	struct field fields[FINDINGS_MAX * 3];
	size_t n;
	int status; /* that of the first fault */
};

static void note(struct findings *f, const char *what, int status, struct str detail)
{
	struct field *row = &f->fields[f->n++ * 3];
	row[0] = field_text("check", str_of(what));
	row[1] = field_text("result", status == EXIT_DONE ? STR("OK") : STR("FAULT"));
	row[2] = field_text("detail", detail);
	if (f->status == EXIT_DONE)
		f->status = status;
}

static int status_of(enum err err)
{
	return err == ERR_OK                  ? EXIT_DONE
	       : err == ERR_STORE_UNAVAILABLE ? EXIT_UNREACHABLE
	       : err == ERR_MISMATCH          ? EXIT_REFUSED
					      : EXIT_FAILED;
}

static struct str why(struct ctl *ctl, const struct ctl_db *db)
{
	return arena_copy(ctl->a, str_of(ctl_why(db)));
}

static bool check_connection(struct ctl *ctl, struct findings *f, const char *name, struct str url, struct ctl_db **ret)
{
	enum err err = ctl_open(ctl->a, url, ctl_actor(ctl), ret);
	note(f, name, status_of(err), err == ERR_OK ? ctl_describe(*ret) : why(ctl, *ret));
	return err == ERR_OK;
}

static void check_master_keys(struct ctl *ctl, struct findings *f)
{
	unsigned unknown = 0;
	enum err err = ctl_key_compare(ctl->db, &ctl->config.ring, &unknown);
	struct str text = arena_printf(ctl->a, "%u on the ring, %u of them not yet known to the database", ctl->config.ring.n, unknown);
	note(f, "master keys", status_of(err), err == ERR_OK ? text : why(ctl, ctl->db));
}

static void check_signing_key(struct ctl *ctl, struct findings *f)
{
	const struct signing_key_row *keys = NULL;
	const struct signing_key_row *current = NULL;
	size_t n = 0;
	enum err err = ctl_signing_key_list(ctl->db, &keys, &n);
	for (size_t i = 0; i < n; i++)
		if (keys[i].current)
			current = &keys[i];
	if (err != ERR_OK)
		note(f, "signing key", status_of(err), why(ctl, ctl->db));
	else if (current == NULL)
		note(f, "signing key", EXIT_FAILED, STR("none is active; `m2mctl migrate up` makes the first one"));
	else if (ctl->config.has_master_keys && master_ring_find(&ctl->config.ring, current->seal_key_id) == NULL)
		note(f, "signing key", EXIT_REFUSED,
		     arena_printf(ctl->a, "%.*s is sealed with the master key \"%.*s\", which is not on the ring", STR_ARG(current->kid),
				  STR_ARG(current->seal_key_id)));
	else
		note(f, "signing key", EXIT_DONE, arena_printf(ctl->a, "%.*s (%.*s)", STR_ARG(current->kid), STR_ARG(current->alg)));
}

static void check_database(struct ctl *ctl, struct findings *f)
{
	if (!check_connection(ctl, f, "database", ctl->config.admin_database_url, &ctl->db))
		return;
	enum err err = ctl_require_schema(ctl->db);
	note(f, "schema", status_of(err), err == ERR_OK ? STR("as this program knows it") : why(ctl, ctl->db));
	if (err != ERR_OK)
		return;
	if (ctl->config.has_master_keys)
		check_master_keys(ctl, f);
	check_signing_key(ctl, f);
}

static void check_gateway(struct ctl *ctl, struct findings *f)
{
	struct ctl_db *db = NULL;
	if (ctl->config.database_url.p == NULL)
		return;
	(void)check_connection(ctl, f, "gateway's database", ctl->config.database_url, &db);
	ctl_close(db);
}

static int check(struct ctl *ctl, char **args)
{
	struct findings f = {.n = 0};
	int status = options_read(ctl, args, NULL, 0, NULL);
	if (status == EXIT_DONE)
		status = ctl_read_config(ctl, CONFIG_NEED_ADMIN_DATABASE);
	if (status != EXIT_DONE)
		return status;

	note(&f, "settings", EXIT_DONE, STR("understood"));
	if (!ctl->config.has_master_keys)
		note(&f, "master keys", EXIT_CONFIG,
		     STR("M2M_MASTER_KEYS_FILE is not set: the gateway won't start, and m2mctl can't make or read secrets"));
	check_database(ctl, &f);
	check_gateway(ctl, &f);
	status = output_rows(ctl, "findings", f.fields, 3, f.n);
	return status == EXIT_DONE ? f.status : status;
}

const struct command config_commands[] = {
	{"config", "check", "", "Checks the settings, the database, its schema and the keys",
	 "One line for each thing that was looked at; the exit code is that of the first fault. M2M_DATABASE_URL is tried too when it is "
	 "set.\n\n"
	 "Example:\n  m2mctl config check\n",
	 check},
	{"config", NULL, NULL, NULL, NULL, NULL},
};
