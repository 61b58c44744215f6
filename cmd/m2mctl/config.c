/* m2mctl config check: everything that would stop the gateway or m2mctl, before it does. */
#include <stdlib.h>
#include <sys/stat.h>

#include "config_database.h"
#include "ctl.h"
#include "findings.h"
#include "options.h"
#include "trust/trust.h"

#define ISSUER_FAULTS_MAX (FINDINGS_MAX / 2)

static void check_master_key_file(const struct ctl *ctl, struct findings *f)
{
	struct stat st;
	const char *path = getenv("M2M_MASTER_KEYS_FILE");
	if (!ctl->config.has_master_keys)
		finding_fault(f, "master keys", EXIT_CONFIG,
			      "M2M_MASTER_KEYS_FILE is not set: the gateway won't start, and m2mctl can't make or read secrets");
	else if (path != NULL && stat(path, &st) == 0 && (st.st_mode & S_IRWXO) != 0)
		finding_warn(f, "master key file", "everybody on this machine may use %s (mode %04o); chmod 600 it", path,
			     (unsigned)st.st_mode & 07777U);
}

static void check_issuers(struct ctl *ctl, struct findings *f)
{
	struct trust *trust = NULL;
	struct sbuf faults = sbuf_in(ctl->a, 1024);
	if (ctl->config.trusted_issuers.p == NULL)
		return;
	if (trust_open(&ctl->config, &trust, &faults) == ERR_OK)
		finding_ok(f, "trusted issuers", "understood");
	struct str rest = trust == NULL ? sbuf_str(&faults) : STR_NONE;
	for (struct str line = str_split(&rest, '\n'); line.n > 0 && f->n < ISSUER_FAULTS_MAX; line = str_split(&rest, '\n'))
		finding_fault(f, "trusted issuers", EXIT_CONFIG, "%.*s", STR_ARG(line));
	trust_close(trust);
}

static int check(struct ctl *ctl, char **args)
{
	struct findings f = {.ctl = ctl};
	int status = options_read(ctl, args, NULL, 0, NULL);
	if (status == EXIT_DONE)
		status = ctl_read_config(ctl, CONFIG_NEED_ADMIN_DATABASE);
	if (status != EXIT_DONE)
		return status;

	finding_ok(&f, "settings", "understood");
	check_master_key_file(ctl, &f);
	check_issuers(ctl, &f);
	check_databases(ctl, &f);
	status = findings_print(&f);
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
