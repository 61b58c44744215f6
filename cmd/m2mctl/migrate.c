/* m2mctl migrate: brings the schema up, and with it what every gateway needs in it: the ring's
 * key checks and a first signing key. */
#include "operator/migrate.h"
#include "ctl.h"
#include "operator/key.h"
#include "operator/signing.h"
#include "options.h"
#include "output.h"

static void progress(const char *line)
{
	ctl_say("%s", line);
}

static int prepare_keys(struct ctl *ctl)
{
	struct str kid = STR_NONE;
	unsigned new_keys = 0;

	if (!ctl->config.has_master_keys) {
		ctl_say("still to do: set M2M_MASTER_KEYS_FILE and run this again, so that the first signing key is made");
		return EXIT_DONE;
	}
	enum err err = operator_key_register(ctl->db, &ctl->config.ring, &new_keys);
	if (err == ERR_OK && new_keys > 0)
		ctl_say("registered %u master key%s", new_keys, new_keys == 1 ? "" : "s");
	if (err == ERR_OK)
		err = operator_signing_key_ensure(ctl->db, &ctl->config.ring, ctl->config.signing_alg, &kid);
	if (err == ERR_OK && kid.p != NULL)
		ctl_say("made the first signing key, %.*s (%s)", STR_ARG(kid), jwt_alg_name(ctl->config.signing_alg));
	return ctl_ended(ctl, err);
}

static int up(struct ctl *ctl, char **args)
{
	unsigned applied = 0;
	int status = options_read(ctl, args, NULL, 0, NULL);
	if (status == EXIT_DONE)
		status = ctl_connect_plain(ctl, 0);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_migrate_up(ctl->db, progress, &applied));
	if (status != EXIT_DONE)
		return status;
	if (applied == 0)
		ctl_say("the schema is up to date");
	return prepare_keys(ctl);
}

/* Refuses, and says what there is to lose. */
static int say_what_goes(struct ctl *ctl)
{
	const struct migration *all = NULL;
	const struct migration *newest = NULL;
	size_t n = 0;
	int status = ctl_ended(ctl, operator_migrate_status(ctl->db, &all, &n));
	if (status != EXIT_DONE)
		return status;
	for (size_t i = 0; i < n; i++)
		if (all[i].state != MIGRATION_PENDING)
			newest = &all[i];
	if (newest == NULL)
		return check_yes(ctl, false, "no migration is applied, so that there would be nothing to take back");
	struct str what = arena_printf(ctl->a, "this takes back %04d_%.*s, with the data in all that it made%s", newest->version,
				       STR_ARG(newest->name), newest->version == 1 ? ": everything, the audit too" : "");
	return check_yes(ctl, false, what.p);
}

static int down(struct ctl *ctl, char **args)
{
	bool yes = false;
	const struct option options[] = {{"--yes", OPTION_FLAG, &yes, 0, 0}};
	int status = options_read(ctl, args, options, 1, NULL);
	if (status == EXIT_DONE)
		status = ctl_connect_plain(ctl, 0);
	if (status != EXIT_DONE)
		return status;
	return yes ? ctl_ended(ctl, operator_migrate_down(ctl->db, progress)) : say_what_goes(ctl);
}

static int show_status(struct ctl *ctl, char **args)
{
	static const char *const states[] = {
		[MIGRATION_PENDING] = "pending",
		[MIGRATION_APPLIED] = "applied",
		[MIGRATION_DRIFTED] = "changed since it was applied",
		[MIGRATION_UNKNOWN] = "unknown to this program",
	};
	enum { COLUMNS = 4 };
	const struct migration *all = NULL;
	size_t n = 0;
	bool strange = false;
	int status = options_read(ctl, args, NULL, 0, NULL);
	if (status == EXIT_DONE)
		status = ctl_connect_plain(ctl, 0);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_migrate_status(ctl->db, &all, &n));
	if (status != EXIT_DONE)
		return status;

	struct field *fields = output_room(ctl, COLUMNS, n);
	if (fields == NULL)
		return EXIT_FAILED;
	for (size_t i = 0; i < n; i++) {
		struct field *row = fields + i * COLUMNS;
		row[0] = field_number("version", all[i].version);
		row[1] = field_text("name", all[i].name);
		row[2] = field_text("state", str_of(states[all[i].state]));
		row[3] = field_time(ctl, "applied_at", all[i].applied_at);
		strange = strange || all[i].state == MIGRATION_DRIFTED || all[i].state == MIGRATION_UNKNOWN;
	}
	status = output_rows(ctl, "migrations", fields, COLUMNS, n);
	return status == EXIT_DONE && strange ? EXIT_REFUSED : status;
}

const struct command migrate_commands[] = {
	{"migrate", "up", "", "Applies the migrations that the database lacks",
	 "Each one runs in a transaction of its own. Nothing is done when an applied migration's file was changed since, or when the "
	 "database\n"
	 "has migrations of a newer program (exit code 6). With M2M_MASTER_KEYS_FILE set, it also makes the master keys known to the "
	 "database\n"
	 "and, when there is none, the first signing key. It can be run at every start: several at once wait for each other.\n\n"
	 "Example:\n  M2M_MASTER_KEYS_FILE=/etc/m2m/master.keys m2mctl migrate up\n",
	 up},
	{"migrate", "down", "--yes", "Takes the newest migration back, with the data in what it made",
	 "Without --yes it only says which one that is.\n\n"
	 "Example:\n  m2mctl migrate down --yes\n",
	 down},
	{"migrate", "status", "", "Lists the migrations and whether each is applied",
	 "Exit code 6 when one was changed since it was applied, or is unknown to this program.\n\n"
	 "Example:\n  m2mctl migrate status --output json\n",
	 show_status},
	{"migrate", NULL, NULL, NULL, NULL, NULL},
};
