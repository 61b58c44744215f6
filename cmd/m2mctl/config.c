/* m2mctl config check: everything that would stop the gateway or m2mctl, before it does. */
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "ctl.h"
#include "options.h"
#include "output.h"
#include "store/ctl_check.h"
#include "store/ctl_key.h"
#include "store/ctl_signing.h"
#include "trust/trust.h"

enum { FINDINGS_MAX = 24, COLUMNS = 3 };

struct findings {
	struct field fields[FINDINGS_MAX * COLUMNS];
	size_t n;
	int status; /* that of the first fault */
};

static void put(struct findings *f, const char *what, const char *result, struct str detail)
{
	struct field *row = &f->fields[f->n++ * COLUMNS];
	row[0] = field_text("check", str_of(what));
	row[1] = field_text("result", str_of(result));
	row[2] = field_text("detail", detail);
}

static void note(struct findings *f, const char *what, int status, struct str detail)
{
	put(f, what, status == EXIT_DONE ? "OK" : "FAULT", detail);
	if (f->status == EXIT_DONE)
		f->status = status;
}

/* It works, and is not as it should be. */
static void warn(struct findings *f, const char *what, struct str detail)
{
	put(f, what, "WARNING", detail);
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

/* ---- what needs no database ---- */

static void check_key_file(struct ctl *ctl, struct findings *f)
{
	struct stat st;
	const char *path = getenv("M2M_MASTER_KEYS_FILE");
	if (path != NULL && stat(path, &st) == 0 && (st.st_mode & S_IRWXO) != 0)
		warn(f, "master key file",
		     arena_printf(ctl->a, "everybody on this machine may use %s (mode %04o); chmod 600 it", path, st.st_mode & 07777));
}

static void check_issuers(struct ctl *ctl, struct findings *f)
{
	struct trust *trust = NULL;
	struct sbuf faults = sbuf_in(ctl->a, 1024);
	if (ctl->config.trusted_issuers.p == NULL)
		return;
	if (trust_open(&ctl->config, &trust, &faults) == ERR_OK)
		note(f, "trusted issuers", EXIT_DONE, STR("understood"));
	struct str rest = trust == NULL ? sbuf_str(&faults) : STR_NONE;
	for (struct str line = str_split(&rest, '\n'); line.n > 0 && f->n < FINDINGS_MAX / 2; line = str_split(&rest, '\n'))
		note(f, "trusted issuers", EXIT_CONFIG, line);
	trust_close(trust);
}

/* ---- the database, as m2mctl uses it ---- */

static void check_master_keys(struct ctl *ctl, struct findings *f)
{
	unsigned unknown = 0;
	struct str missing = STR_NONE;
	enum err err = ctl_key_compare(ctl->db, &ctl->config.ring, &unknown);
	if (err == ERR_OK)
		err = ctl_missing_keys(ctl->db, &ctl->config.ring, &missing);
	if (err != ERR_OK)
		note(f, "master keys", status_of(err), why(ctl, ctl->db));
	else if (missing.n > 0)
		note(f, "master keys", EXIT_REFUSED,
		     arena_printf(
			     ctl->a,
			     "live secrets were derived from %.*s, which the ring lacks: their clients would be answered 503 key_missing",
			     STR_ARG(missing)));
	else
		note(f, "master keys", EXIT_DONE,
		     arena_printf(ctl->a, "%u on the ring, %u of them not yet known to the database", ctl->config.ring.n, unknown));
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
		note(f, "signing key", EXIT_FAILED, STR("none is active; `m2mctl migrate up` makes one"));
	else if (ctl->config.has_master_keys && master_ring_find(&ctl->config.ring, current->seal_key_id) == NULL)
		note(f, "signing key", EXIT_REFUSED,
		     arena_printf(ctl->a, "%.*s is sealed with the master key \"%.*s\", which is not on the ring", STR_ARG(current->kid),
				  STR_ARG(current->seal_key_id)));
	else
		note(f, "signing key", EXIT_DONE, arena_printf(ctl->a, "%.*s (%.*s)", STR_ARG(current->kid), STR_ARG(current->alg)));
}

static void check_partitions(struct ctl *ctl, struct findings *f)
{
	bool used = false;
	enum err err = ctl_default_partition_used(ctl->db, &used);
	if (err != ERR_OK)
		note(f, "audit partitions", status_of(err), why(ctl, ctl->db));
	else if (used)
		warn(f, "audit partitions", STR("the default partition holds rows: partitions weren't made ahead; does a gateway run?"));
}

/* PostgreSQL's own settings, on which promises rest. */
static void check_server(struct ctl *ctl, struct findings *f, const struct ctl_facts *facts)
{
	if (facts->version_num < 150000)
		note(f, "server", EXIT_FAILED, arena_printf(ctl->a, "PostgreSQL %d; 15 or later is needed", facts->version_num / 10000));
	if (!facts->fsync)
		warn(f, "server", STR("fsync is off: what was committed, and so audited, may be lost when the machine crashes"));
	int64_t apart_s = (clock_wall_us() - facts->clock) / 1000000;
	if (apart_s > 5 || apart_s < -5)
		warn(f, "server",
		     arena_printf(ctl->a, "its clock and this machine's are %lld seconds apart; tokens' times are the server's",
				  (long long)apart_s));
}

static bool connect_and_read(struct ctl *ctl, struct findings *f, const char *name, struct str url, struct ctl_db **db,
			     struct ctl_facts *facts)
{
	enum err err = ctl_open(ctl->a, url, ctl_actor(ctl), db);
	if (err == ERR_OK)
		err = ctl_facts_read(*db, facts);
	note(f, name, status_of(err), err == ERR_OK ? ctl_describe(*db) : why(ctl, *db));
	return err == ERR_OK;
}

static bool check_database(struct ctl *ctl, struct findings *f, struct ctl_facts *facts)
{
	if (!connect_and_read(ctl, f, "database", ctl->config.admin_database_url, &ctl->db, facts))
		return false;
	check_server(ctl, f, facts);
	if (!facts->owner) {
		note(f, "owner's rights", EXIT_CONFIG,
		     arena_printf(ctl->a, "the login %.*s may not act as m2m_owner: grant m2m_owner to it", STR_ARG(facts->login)));
		return true;
	}
	enum err err = ctl_require_schema(ctl->db);
	note(f, "schema", status_of(err), err == ERR_OK ? STR("as this program knows it") : why(ctl, ctl->db));
	if (err != ERR_OK)
		return true;
	if (ctl->config.has_master_keys)
		check_master_keys(ctl, f);
	check_signing_key(ctl, f);
	check_partitions(ctl, f);
	return true;
}

/* ---- the database, as the gateway uses it ---- */

static void check_gateway(struct ctl *ctl, struct findings *f, const struct ctl_facts *admin)
{
	struct ctl_db *db = NULL;
	struct ctl_facts facts;
	static const char name[] = "gateway's database";
	if (ctl->config.database_url.p == NULL)
		return;
	if (connect_and_read(ctl, f, name, ctl->config.database_url, &db, &facts)) {
		if (admin != NULL && !str_eq(facts.place, admin->place))
			note(f, name, EXIT_CONFIG, STR("M2M_DATABASE_URL and M2M_ADMIN_DATABASE_URL lead to different databases"));
		if (!facts.gateway)
			note(f, name, EXIT_CONFIG,
			     arena_printf(ctl->a, "the login %.*s lacks the rights of m2m_gateway", STR_ARG(facts.login)));
		if (facts.superuser || facts.owner)
			note(f, name, EXIT_CONFIG,
			     arena_printf(ctl->a, "the login %.*s could change the audit; the gateway's needs m2m_gateway and no more",
					  STR_ARG(facts.login)));
		if (str_eq(facts.synchronous_commit, STR("off")))
			note(f, name, EXIT_CONFIG,
			     arena_printf(ctl->a, "synchronous_commit is off for %.*s: alter role %.*s set synchronous_commit = on",
					  STR_ARG(facts.login), STR_ARG(facts.login)));
	}
	ctl_close(db);
}

static int check(struct ctl *ctl, char **args)
{
	struct findings f = {.n = 0};
	struct ctl_facts admin;
	int status = options_read(ctl, args, NULL, 0, NULL);
	if (status == EXIT_DONE)
		status = ctl_read_config(ctl, CONFIG_NEED_ADMIN_DATABASE);
	if (status != EXIT_DONE)
		return status;

	note(&f, "settings", EXIT_DONE, STR("understood"));
	if (!ctl->config.has_master_keys)
		note(&f, "master keys", EXIT_CONFIG,
		     STR("M2M_MASTER_KEYS_FILE is not set: the gateway won't start, and m2mctl can't make or read secrets"));
	check_key_file(ctl, &f);
	check_issuers(ctl, &f);
	bool reached = check_database(ctl, &f, &admin);
	check_gateway(ctl, &f, reached ? &admin : NULL);
	status = output_rows(ctl, "findings", f.fields, COLUMNS, f.n);
	return status == EXIT_DONE ? f.status : status;
}

const struct command config_commands[] = {
	{"config", "check", "", "Checks the settings, the keys, the trusted issuers, the database and both its logins",
	 "One line for each thing that was looked at. A FAULT stops the gateway, m2mctl, or what is promised; the exit code is that of the "
	 "first "
	 "one. A WARNING doesn't.\nM2M_DATABASE_URL is tried too when it is set. Faulty settings are told on stderr, one line each, before "
	 "anything else is looked at.\n\n"
	 "Example:\n  m2mctl config check\n",
	 check},
	{"config", NULL, NULL, NULL, NULL, NULL},
};
