#include "config_database.h"

#include "base/clock.h"
#include "operator/audit.h"
#include "operator/check.h"
#include "operator/key.h"
#include "operator/token.h"

#define OLDEST_SERVER      150000
#define CLOCKS_APART_US    1000000 /* as the gateway warns of */
#define AHEAD_AT_LEAST_S   (7 * 86400)
#define COUNTED_AT_LEAST_S (8 * 86400) /* a missed night or a holiday is no fault */

/* A database that doesn't answer, or doesn't let in: what is in the URL decides about both. */
static const char *advice(enum err err)
{
	return err == ERR_FORBIDDEN ? "user, password and database" : "host and port";
}

static bool connect_and_read(struct ctl *ctl, struct findings *f, const char *what, const char *setting, struct str url,
			     struct operator_db **db, struct operator_facts *facts)
{
	enum err err = operator_open(ctl->a, url, ctl_actor(ctl), db);
	if (err != ERR_OK) {
		finding_fault(f, what, ctl_exit_code(err), "%s; check %s in %s", operator_why(*db), advice(err), setting);
		return false;
	}
	err = operator_facts_read(*db, facts);
	if (err != ERR_OK)
		finding_fault(f, what, ctl_exit_code(err), "%s", operator_why(*db));
	else
		finding_ok(f, what, "%.*s", STR_ARG(operator_describe(*db)));
	return err == ERR_OK;
}

/* ---- as m2mctl uses it ---- */

/* PostgreSQL's own settings, on which promises rest. */
static void check_server(struct findings *f, const struct operator_facts *facts)
{
	if (facts->version_num < OLDEST_SERVER)
		finding_fault(f, "server", EXIT_FAILED, "PostgreSQL %d; 15 or later is needed", facts->version_num / 10000);
	for (int i = 0; i < OPERATOR_SERVER_FAULTS; i++)
		if (facts->server_faults[i] != NULL)
			finding_fault(f, "server", EXIT_FAILED, "%s", facts->server_faults[i]);
	if (facts->skew > CLOCKS_APART_US || facts->skew < -CLOCKS_APART_US)
		finding_warn(
			f, "clock",
			"this machine's clock is %.1f seconds %s the server's; tokens are given and judged by the server's, logs by the "
			"machines' own: let both be set by NTP",
			(double)(facts->skew < 0 ? -facts->skew : facts->skew) / 1e6, facts->skew < 0 ? "behind" : "ahead of");
}

static void check_master_keys(struct ctl *ctl, struct findings *f)
{
	unsigned unknown = 0;
	struct str missing = STR_NONE;
	enum err err = operator_key_compare(ctl->db, &ctl->config.ring, &unknown);
	if (err == ERR_MISMATCH) {
		finding_fault(f, "master keys", EXIT_REFUSED, "%s; give the key file of the gateways that run on it",
			      operator_why(ctl->db));
		return;
	}
	if (err == ERR_OK)
		err = operator_missing_keys(ctl->db, &ctl->config.ring, &missing);
	if (err != ERR_OK)
		finding_fault(f, "master keys", ctl_exit_code(err), "%s", operator_why(ctl->db));
	else if (missing.n > 0)
		finding_fault(f, "master keys", EXIT_REFUSED,
			      "live secrets were derived from %.*s, which the ring lacks: their clients would be answered 503 key_missing; "
			      "put it back on the ring",
			      STR_ARG(missing));
	else
		finding_ok(f, "master keys", "%u on the ring, %u of them not yet known to the database", ctl->config.ring.n, unknown);
}

static void check_signing_key(struct ctl *ctl, struct findings *f)
{
	struct str kid = STR_NONE;
	enum err err = operator_token_signer(ctl->db, &ctl->config.ring, &kid);
	if (err == ERR_NOT_FOUND)
		finding_fault(f, "signing key", EXIT_FAILED, "none is active; `m2mctl migrate up` makes one");
	else if (err != ERR_OK)
		finding_fault(f, "signing key", ctl_exit_code(err), "%s", operator_why(ctl->db));
	else
		finding_ok(f, "signing key", "%.*s opens", STR_ARG(kid));
}

static void check_partitions(struct ctl *ctl, struct findings *f, int64_t now)
{
	const struct audit_partition *all = NULL;
	size_t n = 0;
	int64_t until = 0;
	bool stray = false;
	enum err err = operator_audit_partitions(ctl->db, &all, &n);
	for (size_t i = 0; i < n; i++) {
		stray = stray || (all[i].is_default && all[i].has_rows);
		until = all[i].until > until ? all[i].until : until;
	}
	if (err != ERR_OK)
		finding_fault(f, "audit partitions", ctl_exit_code(err), "%s", operator_why(ctl->db));
	else if (stray)
		finding_warn(f, "audit partitions",
			     "the default partition holds rows: partitions weren't made ahead, or a clock was wrong; does a gateway run?");
	else if (until < now + AHEAD_AT_LEAST_S * INT64_C(1000000))
		finding_warn(f, "audit partitions",
			     "they end within a week; a running gateway makes more, and so does `m2mctl audit partitions --ahead 28`");
}

static void check_counts(struct ctl *ctl, struct findings *f, int64_t now)
{
	int64_t until = 0;
	enum err err = operator_audit_counted_until(ctl->db, &until);
	if (err != ERR_OK)
		finding_fault(f, "audit counts", ctl_exit_code(err), "%s", operator_why(ctl->db));
	else if (until < now - COUNTED_AT_LEAST_S * INT64_C(1000000))
		finding_warn(f, "audit counts",
			     "days that are long over aren't counted, so that answers that add up are slow; let `m2mctl audit count` run "
			     "every night");
}

/* False when the rest can't be asked. */
static bool check_schema(struct ctl *ctl, struct findings *f, const struct operator_facts *facts)
{
	if (!facts->owner) {
		finding_fault(
			f, "owner's rights", EXIT_CONFIG,
			"the login %.*s may not act as m2m_owner; name the owner's in M2M_ADMIN_DATABASE_URL, or, as a superuser: grant "
			"m2m_owner to \"%.*s\"",
			STR_ARG(facts->login), STR_ARG(facts->login));
		return false;
	}
	enum err err = operator_require_schema(ctl->db);
	if (err != ERR_OK)
		finding_fault(f, "schema", ctl_exit_code(err), "%s", operator_why(ctl->db));
	else
		finding_ok(f, "schema", "as this program knows it");
	return err == ERR_OK;
}

static bool check_owner_login(struct ctl *ctl, struct findings *f, struct operator_facts *facts)
{
	if (!connect_and_read(ctl, f, "database", "M2M_ADMIN_DATABASE_URL", ctl->config.admin_database_url, &ctl->db, facts))
		return false;
	check_server(f, facts);
	if (!check_schema(ctl, f, facts))
		return true;
	if (ctl->config.has_master_keys) {
		check_master_keys(ctl, f);
		check_signing_key(ctl, f);
	}
	check_partitions(ctl, f, facts->clock);
	check_counts(ctl, f, facts->clock);
	return true;
}

/* ---- as the gateway uses it ---- */

static bool is_durable(struct str synchronous_commit)
{
	return str_eq(synchronous_commit, STR("on")) || str_eq(synchronous_commit, STR("remote_apply"));
}

static void check_connections(struct findings *f, const struct config *config, const struct operator_facts *facts)
{
	int needed = (int)config->workers * CONFIG_WORKER_CONNECTIONS;
	if (facts->connections < needed)
		finding_warn(
			f, "gateway's database",
			"with as many workers as here (%u) a gateway opens %d connections, and the server leaves %.*s no more than %d; "
			"set M2M_WORKERS, or raise max_connections or the limit of the role or the database",
			config->workers, needed, STR_ARG(facts->login), facts->connections);
}

static void check_gateway_login(struct ctl *ctl, struct findings *f, const struct operator_facts *admin)
{
	struct operator_db *db = NULL;
	struct operator_facts facts;
	static const char what[] = "gateway's database";
	if (ctl->config.database_url.p == NULL)
		return;
	if (connect_and_read(ctl, f, what, "M2M_DATABASE_URL", ctl->config.database_url, &db, &facts)) {
		if (admin != NULL && !str_eq(facts.place, admin->place))
			finding_fault(f, what, EXIT_CONFIG,
				      "M2M_DATABASE_URL and M2M_ADMIN_DATABASE_URL lead to different databases; make them the same");
		if (!facts.gateway)
			finding_fault(f, what, EXIT_CONFIG,
				      "the login %.*s lacks the rights of m2m_gateway; as a superuser: grant m2m_gateway to \"%.*s\"",
				      STR_ARG(facts.login), STR_ARG(facts.login));
		for (int i = 0; i < OPERATOR_LOGIN_FAULTS; i++)
			if (facts.login_faults[i] != NULL)
				finding_fault(f, what, EXIT_CONFIG, "%.*s: %s", STR_ARG(facts.login), facts.login_faults[i]);
		check_connections(f, &ctl->config, &facts);
		if (!is_durable(facts.synchronous_commit))
			finding_warn(f, what,
				     "synchronous_commit is %.*s for %.*s; the gateway switches it on, but nothing else does: alter role "
				     "\"%.*s\" set synchronous_commit = on",
				     STR_ARG(facts.synchronous_commit), STR_ARG(facts.login), STR_ARG(facts.login));
	}
	operator_close(db);
}

void check_databases(struct ctl *ctl, struct findings *f)
{
	struct operator_facts admin;
	bool reached = check_owner_login(ctl, f, &admin);
	check_gateway_login(ctl, f, reached ? &admin : NULL);
}
