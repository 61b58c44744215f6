/* m2mctl key: the keys that sign tokens, and the master keys that those and the secrets depend
 * on. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "operator/key.h"
#include "operator/signing.h"

#include "ctl.h"
#include "options.h"
#include "output.h"

#define MARGIN_DEFAULT 900
#define MARGIN_MAX     2592000

/* ---- printing ---- */

#define KEY_FIELDS 10

static struct field field_active_from(struct ctl *ctl, int64_t us)
{
	return us == INT64_MAX ? field_text("active_from", STR("when another key leaves")) : field_time(ctl, "active_from", us);
}

static void put_key(struct ctl *ctl, const struct signing_key_row *k, struct field *out)
{
	const struct field fields[KEY_FIELDS] = {
		field_in_env("M2M_KEY_ID", field_text("kid", k->kid)),
		field_text("alg", k->alg),
		field_text("state", k->state),
		field_bool("current", k->current),
		field_text("seal_key_id", k->wrap_key_id),
		field_time(ctl, "created_at", k->created_at),
		field_active_from(ctl, k->active_from),
		field_time(ctl, "retired_at", k->retired_at),
		field_time(ctl, "published_until", k->published_until),
		field_time(ctl, "revoked_at", k->revoked_at),
	};
	memcpy(out, fields, sizeof fields);
}

static int print_key(struct ctl *ctl, const struct signing_key_row *k)
{
	struct field fields[KEY_FIELDS];
	put_key(ctl, k, fields);
	return output_record(ctl, fields, KEY_FIELDS);
}

/* ---- looking ---- */

static int list(struct ctl *ctl, char **args)
{
	const struct signing_key_row *keys = NULL;
	size_t n = 0;
	int status = options_read(ctl, args, NULL, 0, NULL);
	if (status == EXIT_DONE)
		status = ctl_connect(ctl, 0);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_signing_key_list(ctl->db, &keys, &n));
	if (status != EXIT_DONE)
		return status;

	struct field *fields = output_room(ctl, KEY_FIELDS, n);
	for (size_t i = 0; fields != NULL && i < n; i++)
		put_key(ctl, &keys[i], fields + i * KEY_FIELDS);
	return fields == NULL ? EXIT_FAILED
			      : output_rows(ctl, "signing keys; `m2mctl migrate up` makes the first one", fields, KEY_FIELDS, n);
}

/* To a person, beside the table of master keys. */
static void say_signing(const struct signing_key_row *keys, size_t n)
{
	char text[CLOCK_RFC3339_LEN];
	bool signs = false;
	for (size_t i = 0; i < n; i++) {
		const struct signing_key_row *k = &keys[i];
		if (k->current) {
			clock_rfc3339(k->active_from, text);
			ctl_say("%.*s (%.*s) signs since %.*s", STR_ARG(k->kid), STR_ARG(k->alg), CLOCK_RFC3339_LEN, text);
			signs = true;
		} else if (str_eq(k->state, STR("next")) && k->active_from == INT64_MAX) {
			ctl_say("%.*s (%.*s) stands by", STR_ARG(k->kid), STR_ARG(k->alg));
		} else if (str_eq(k->state, STR("next"))) {
			clock_rfc3339(k->active_from, text);
			ctl_say("%.*s (%.*s) takes over at %.*s", STR_ARG(k->kid), STR_ARG(k->alg), CLOCK_RFC3339_LEN, text);
		}
	}
	if (!signs)
		ctl_say("no key signs: no token can be issued; `m2mctl migrate up` makes one");
}

static struct str may_go(struct ctl *ctl, const struct master_key_row *k)
{
	if (k->active)
		return STR("no: it is the active one");
	if (k->live_secrets > 0)
		return arena_printf(ctl->a, "no: %" PRId64 " live secret%s", k->live_secrets, k->live_secrets == 1 ? "" : "s");
	if (k->signing_keys > 0)
		return arena_printf(ctl->a, "no: %" PRId64 " signing key%s; `m2mctl key reseal` moves them", k->signing_keys,
				    k->signing_keys == 1 ? "" : "s");
	return k->on_ring ? STR("yes") : STR("gone");
}

static int status_of_keys(struct ctl *ctl, char **args)
{
	enum { COLUMNS = 7 };
	const struct master_key_row *rows = NULL;
	const struct signing_key_row *keys = NULL;
	size_t n = 0;
	size_t keys_n = 0;
	int status = options_read(ctl, args, NULL, 0, NULL);
	if (status == EXIT_DONE)
		status = ctl_connect(ctl, CONFIG_NEED_MASTER_KEYS);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_key_use(ctl->db, &ctl->config.ring, &rows, &n));
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_signing_key_list(ctl->db, &keys, &keys_n));
	struct field *fields = status == EXIT_DONE ? output_room(ctl, COLUMNS, n) : NULL;
	if (fields == NULL)
		return status == EXIT_DONE ? EXIT_FAILED : status;
	for (size_t i = 0; i < n; i++) {
		struct field *row = fields + i * COLUMNS;
		row[0] = field_text("master_key", rows[i].key_id);
		row[1] = field_bool("on_ring", rows[i].on_ring);
		row[2] = field_bool("active", rows[i].active);
		row[3] = field_number("live_secrets", rows[i].live_secrets);
		row[4] = field_number("signing_keys", rows[i].signing_keys);
		row[5] = field_time(ctl, "registered_at", rows[i].registered_at);
		row[6] = field_text("may_go", may_go(ctl, &rows[i]));
	}
	status = output_rows(ctl, "master keys", fields, COLUMNS, n);
	if (ctl->output == OUTPUT_TEXT)
		say_signing(keys, keys_n);
	return status;
}

/* ---- rotating ---- */

/* No secret and no seal under a master key that the gateways don't mean by this name. */
static int register_ring(struct ctl *ctl)
{
	unsigned ignored = 0;
	return ctl_ended(ctl, operator_key_register(ctl->db, &ctl->config.ring, &ignored));
}

static int read_alg(struct ctl *ctl, struct str name, enum jwt_alg *ret)
{
	*ret = ctl->config.signing_alg;
	if (name.p == NULL || jwt_alg_of(name, ret) == ERR_OK)
		return EXIT_DONE;
	return ctl_usage(ctl, "--alg: expected RS256, ES256, PS256 or EdDSA");
}

static int rotate(struct ctl *ctl, char **args)
{
	struct str name = STR_NONE;
	int32_t margin = MARGIN_DEFAULT;
	bool standby = false;
	const struct option options[] = {
		{"--alg", OPTION_TEXT, &name, 0, 0},
		{"--margin", OPTION_NUMBER, &margin, 0, MARGIN_MAX},
		{"--standby", OPTION_FLAG, &standby, 0, 0},
	};
	enum jwt_alg alg;
	struct signing_key_row made;
	int status = options_read(ctl, args, options, sizeof options / sizeof options[0], NULL);
	if (status == EXIT_DONE)
		status = ctl_connect(ctl, CONFIG_NEED_MASTER_KEYS);
	if (status == EXIT_DONE)
		status = read_alg(ctl, name, &alg);
	if (status == EXIT_DONE)
		status = register_ring(ctl);
	if (status != EXIT_DONE)
		return status;
	int64_t delay = SIGNING_POLL_S + (int64_t)ctl->config.jwks_max_age_s + margin;
	status = ctl_ended(ctl, operator_signing_key_rotate(ctl->db, &ctl->config.ring, alg, standby ? -1 : delay, &made));
	if (status != EXIT_DONE)
		return status;
	if (standby)
		ctl_say("published within %d seconds; it signs when `m2mctl key retire` or `revoke` takes the present key away",
			SIGNING_POLL_S);
	else
		ctl_say("published within %d seconds, signs in %" PRId64
			" seconds; the key before stays published until its tokens have expired",
			SIGNING_POLL_S, delay);
	return print_key(ctl, &made);
}

/* ---- leaving ---- */

static int leave(struct ctl *ctl, char **args, bool revoke)
{
	struct str kid = STR_NONE;
	bool at_once = false;
	const struct option options[] = {{"--now", OPTION_FLAG, &at_once, 0, 0}};
	struct signing_successor successor;
	struct signing_key_row row;
	int status = options_read(ctl, args, options, 1, &kid);
	if (status == EXIT_DONE && kid.p == NULL)
		status = ctl_usage(ctl, "which key? Give its KID; `m2mctl key list` has them");
	if (status == EXIT_DONE)
		status = ctl_connect(ctl, CONFIG_NEED_MASTER_KEYS);
	if (status == EXIT_DONE)
		status = register_ring(ctl);
	if (status != EXIT_DONE)
		return status;
	const struct signing_departure departure = {
		.kid = kid,
		.revoke = revoke,
		.known_s = SIGNING_POLL_S + (int64_t)ctl->config.jwks_max_age_s,
		.at_once = at_once,
		.new_alg = ctl->config.signing_alg,
	};
	status = ctl_ended(ctl, operator_signing_key_leave(ctl->db, &ctl->config.ring, &departure, &successor));
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_signing_key_find(ctl->db, kid, &row));
	if (status != EXIT_DONE)
		return status;
	if (successor.kid.p != NULL)
		ctl_say("%.*s signs now", STR_ARG(successor.kid));
	if (successor.fresh)
		ctl_say("verifiers that keep the JWKS don't know it for up to %u seconds", SIGNING_POLL_S + ctl->config.jwks_max_age_s);
	return print_key(ctl, &row);
}

static int retire_key(struct ctl *ctl, char **args)
{
	return leave(ctl, args, false);
}
static int revoke_key(struct ctl *ctl, char **args)
{
	return leave(ctl, args, true);
}

/* ---- sealing ---- */

static void say_progress(void *arg, size_t done, size_t of)
{
	(void)arg;
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\rsealed %zu of %zu%s", done, of, done == of ? "\n" : "");
}

static int reseal(struct ctl *ctl, char **args)
{
	size_t moved = 0;
	int status = options_read(ctl, args, NULL, 0, NULL);
	if (status == EXIT_DONE)
		status = ctl_connect(ctl, CONFIG_NEED_MASTER_KEYS);
	if (status == EXIT_DONE)
		status = register_ring(ctl);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_signing_key_reseal(ctl->db, &ctl->config.ring, say_progress, NULL, &moved));
	if (status != EXIT_DONE)
		return status;
	const struct field fields[] = {
		field_number("resealed", (int64_t)moved),
		field_text("master_key", str_of(ctl->config.ring.keys[0].key_id)),
	};
	return output_record(ctl, fields, sizeof fields / sizeof fields[0]);
}

const struct command key_commands[] = {
	{"key", "list", "", "Lists the signing keys; the current one signs new tokens",
	 "next: published, not signing yet. active: signs, or could at once. retired: published until its last token has expired. revoked: "
	 "gone.\n\n"
	 "Example:\n  m2mctl key list\n",
	 list},
	{"key", "status", "", "Shows what needs each master key, and so which may go",
	 "A master key may go from the ring when no live secret was derived from it and no signing key is sealed with it: secrets move "
	 "when they "
	 "are rotated, signing\nkeys with `m2mctl key reseal`.\n\n"
	 "Example:\n  m2mctl key status\n",
	 status_of_keys},
	{"key", "rotate", "[--alg RS256|ES256|PS256|EdDSA] [--margin SECONDS] [--standby]",
	 "Publishes a new signing key, which takes over by itself",
	 "  --alg ALG         of the new key (default: M2M_SIGNING_ALG)\n"
	 "  --margin SECONDS  how much longer it is published before it signs than verifiers may keep the JWKS (M2M_JWKS_MAX_AGE) and "
	 "gateways\n"
	 "                    need to notice it (5 seconds); default 900\n"
	 "  --standby         it is published, and signs only when another key leaves\n\n"
	 "Example:\n  m2mctl key rotate --alg ES256\n",
	 rotate},
	{"key", "retire", "KID [--now]", "Takes a key out of signing; it stays published until its last token has expired",
	 "  --now  also without another key that verifiers know already: those that keep the JWKS refuse new tokens for a while\n\n"
	 "Calls a rotation off when the key doesn't sign yet.\n\n"
	 "Example:\n  m2mctl key retire mJ3kq0b2Zt9sXy1A\n",
	 retire_key},
	{"key", "revoke", "KID [--now]", "Ends a key and all its tokens: out of the JWKS, and shut out here, within 5 seconds",
	 "  --now  also without another key that verifiers know already: those that keep the JWKS refuse new tokens for a while\n\n"
	 "For a key that is in the wrong hands. A standby (`m2mctl key rotate --standby`) makes it possible without a gap.\n\n"
	 "Example:\n  m2mctl key revoke mJ3kq0b2Zt9sXy1A\n",
	 revoke_key},
	{"key", "reseal", "", "Seals the signing keys under the ring's first master key", "Example:\n  m2mctl key reseal\n", reseal},
	{"key", NULL, NULL, NULL, NULL, NULL},
};
