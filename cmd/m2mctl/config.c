/* m2mctl config check: everything that would stop the gateway or m2mctl, before it does. */
#include "base/clock.h"
#include "config/issuer_list.h"
#include "config/pages_logo.h"
#include "config_database.h"
#include "ctl.h"
#include "findings.h"
#include "options.h"
#include "tls/client_authorities.h"
#include "tls/tls.h"

#define ISSUER_FAULTS_MAX (FINDINGS_MAX / 2)

static void check_has_master_keys(const struct ctl *ctl, struct findings *f)
{
	if (!ctl->config.has_master_keys)
		finding_fault(f, "master keys", EXIT_CONFIG,
			      "M2M_MASTER_KEYS_FILE is not set: the gateway won't start, and m2mctl can't make or read secrets");
}

static void check_issuer(const struct ctl *ctl, struct findings *f)
{
	if (config_issuer_is_unreachable(&ctl->config))
		finding_warn(f, "issuer", "%.*s: " CONFIG_ISSUER_ADVICE, STR_ARG(ctl->config.issuer));
}

static void check_issuers(struct ctl *ctl, struct findings *f)
{
	struct issuer_list *list = NULL;
	struct sbuf faults = sbuf_in(ctl->a, 1024);
	if (ctl->config.trusted_issuers.p == NULL)
		return;
	if (issuer_list_parse(ctl->config.trusted_issuers, ctl->config.issuer, &list, &faults) == ERR_OK)
		finding_ok(f, "trusted issuers", "understood");
	struct str rest = list == NULL ? sbuf_str(&faults) : STR_NONE;
	for (struct str line = str_split(&rest, '\n'); line.n > 0 && f->n < ISSUER_FAULTS_MAX; line = str_split(&rest, '\n'))
		finding_fault(f, "trusted issuers", EXIT_CONFIG, "%.*s", STR_ARG(line));
	issuer_list_free(list);
}

/* Of several lines: the others follow from it. */
static void tell_first(struct findings *f, const char *what, const struct sbuf *faults)
{
	struct str rest = sbuf_str(faults);
	struct str line = str_split(&rest, '\n');
	finding_fault(f, what, EXIT_CONFIG, "%.*s", STR_ARG(line));
}

static void check_certificate(struct ctl *ctl, struct findings *f)
{
	struct tls *tls = NULL;
	struct tls_state state;
	struct sbuf faults = sbuf_in(ctl->a, 512);
	if (tls_open(&ctl->config, &tls, &faults) != ERR_OK) {
		tell_first(f, "TLS", &faults);
	} else if (tls_state(tls, &state)) {
		char until[CLOCK_RFC3339_LEN];
		int64_t left_s = state.expires - clock_wall_us() / 1000000;
		clock_rfc3339(state.expires * 1000000, until);
		if (left_s <= 0)
			finding_fault(f, "TLS", EXIT_CONFIG, "the certificate ended at %.*s", (int)sizeof until, until);
		else if (left_s < 7 * 86400)
			finding_warn(f, "TLS", "the certificate ends at %.*s", (int)sizeof until, until);
		else
			finding_ok(f, "TLS", "certificate and key belong together");
	}
	tls_close(tls);
}

static void check_client_authorities(struct ctl *ctl, struct findings *f)
{
	struct client_authorities *authorities = NULL;
	struct sbuf faults = sbuf_in(ctl->a, 512);
	if (client_authorities_open(&ctl->config, &authorities, &faults) != ERR_OK) {
		tell_first(f, "client CAs", &faults);
	} else if (authorities != NULL) {
		finding_ok(f, "client CAs", "understood");
	}
	client_authorities_close(authorities);
}

static void check_logo(struct ctl *ctl, struct findings *f)
{
	struct str picture = STR_NONE;
	const char *extension = NULL;
	struct sbuf faults = sbuf_in(ctl->a, 1024);
	if (ctl->config.pages_logo.p == NULL)
		return;
	struct arena *a = arena_new(2 * PAGES_LOGO_MAX);
	if (a != NULL && pages_logo_read(ctl->config.pages_logo, a, &picture, &extension, &faults) == ERR_OK) {
		finding_ok(f, "logo", "understood");
	} else {
		tell_first(f, "logo", &faults);
	}
	arena_free(a);
}

static int check(struct ctl *ctl, char **args)
{
	struct findings f = {.ctl = ctl};
	int status = options_read(ctl, args, NULL, 0, NULL);
	if (status == EXIT_DONE)
		status = ctl_read_config(ctl, CONFIG_NEED_ADMIN_DATABASE | CONFIG_NEED_LISTENERS);
	if (status != EXIT_DONE)
		return status;

	finding_ok(&f, "settings", "understood");
	check_has_master_keys(ctl, &f);
	check_certificate(ctl, &f);
	check_client_authorities(ctl, &f);
	check_logo(ctl, &f);
	check_issuer(ctl, &f);
	check_issuers(ctl, &f);
	check_databases(ctl, &f);
	status = findings_print(&f);
	return status == EXIT_DONE ? f.status : status;
}

const struct command config_commands[] = {
	{"config", "check", "", "Checks the settings, the keys, the certificate, the trusted issuers, the database and both its logins",
	 "One line for each thing that was looked at. A FAULT stops the gateway, m2mctl, or what is promised; the exit code is that of the "
	 "first "
	 "one. A WARNING doesn't.\nM2M_DATABASE_URL is tried too when it is set. Faulty settings are told on stderr, one line each, before "
	 "anything else is looked at.\n\n"
	 "Example:\n  m2mctl config check\n",
	 check},
	{"config", NULL, NULL, NULL, NULL, NULL},
};
