/* m2mctl token: makes an operator's token, and tells what a token is worth. */
#include "operator/token.h"

#include <errno.h>
#include <unistd.h>

#include "base/base64.h"
#include "config/words.h"
#include "crypto/jwt.h"
#include "ctl.h"
#include "input.h"
#include "operator/signing.h"
#include "options.h"
#include "output.h"
#include "json/json_read.h"

/* The organization's roles, the platform's one or the operator's: one of the three. */
static int check_place(struct ctl *ctl, struct str org, bool platform, bool operator, struct word_list * roles)
{
	if ((org.p != NULL) + platform + operator!= 1)
		return ctl_usage(ctl, "give --org SLUG, --platform or --operator");
	if (org.p == NULL && roles->n > 0)
		return ctl_usage(ctl, "--role is for tokens of an organization; --platform and --operator are roles by themselves");
	int status = check_roles(ctl, roles, false);
	if (status == EXIT_DONE && roles->n == 0)
		roles->v[roles->n++] = platform ? STR("platform") : operator? STR("operator") : STR("member");
	return status;
}

static int mint(struct ctl *ctl, char **args)
{
	struct token_spec spec = {.lifetime = 3600};
	struct word_list roles = {.n = 0};
	bool platform = false, operator= false;
	const struct option options[] = {
		{"--org", OPTION_TEXT, &spec.org, 0, 0},
		{"--platform", OPTION_FLAG, &platform, 0, 0},
		{"--operator", OPTION_FLAG, &operator, 0, 0},
		{"--subject", OPTION_TEXT, &spec.subject, 0, 0},
		{"--role", OPTION_WORDS, &roles, 0, 0},
		{"--audience", OPTION_TEXT, &spec.audience, 0, 0},
		{"--lifetime", OPTION_NUMBER, &spec.lifetime, 1, OPERATOR_TOKEN_LIFETIME_MAX},
	};
	int status = options_read(ctl, args, options, sizeof options / sizeof options[0], NULL);
	if (status != EXIT_DONE)
		return status;
	if (spec.subject.p == NULL)
		spec.subject = ctl_user();
	if (spec.subject.n == 0 || spec.subject.n > 64 || !str_is_word(spec.subject, "._@-"))
		return ctl_usage(ctl, "--subject: expected 1 to 64 of A-Z, a-z, 0-9, '.', '_', '@' and '-'");
	if (spec.audience.p != NULL && !word_is_audience(spec.audience))
		return ctl_usage(ctl, "--audience: expected 1 to %d visible ASCII characters without spaces, quotes and backslashes",
				 AUDIENCE_MAX);
	status = check_place(ctl, spec.org, platform, operator, & roles);
	if (status == EXIT_DONE)
		status = ctl_connect(ctl, CONFIG_NEED_MASTER_KEYS);
	if (status != EXIT_DONE)
		return status;
	spec.roles = words_of(&roles);
	spec.issuer = ctl->config.issuer;
	if (spec.audience.p == NULL)
		spec.audience = ctl->config.default_audience;

	struct minted_token minted;
	status = ctl_ended(ctl, operator_token_mint(ctl->db, &ctl->config.ring, &spec, &minted));
	if (status != EXIT_DONE)
		return status;
	const struct field fields[] = {
		field_in_env("M2M_ADMIN_TOKEN", field_text("access_token", minted.token)),
		spec.org.p == NULL ? field_text("organization_id", STR_NONE) : field_uuid(ctl, "organization_id", minted.organization_id),
		field_text("subject", spec.subject),
		field_uuid(ctl, "jti", minted.jti),
		field_text("kid", minted.kid),
		field_time(ctl, "issued_at", minted.issued_at),
		field_time(ctl, "expires_at", minted.expires_at),
	};
	return output_line_or_record(ctl, minted.token, fields, sizeof fields / sizeof fields[0]);
}

static void signing_key_cleanup(struct signing_key **key)
{
	signing_key_free(*key);
}

/* The signature and the key's state, by the database. *ret_verdict says it in words; "valid"
 * when nothing is wrong. */
static enum err judge_signature(struct ctl *ctl, const struct jwt *jwt, const char **ret_verdict)
{
	__attribute__((cleanup(signing_key_cleanup))) struct signing_key *key = NULL;
	struct signing_key_row row;
	enum jwt_alg alg;

	enum err err = operator_signing_key_find(ctl->db, jwt->kid, &row);
	if (err == ERR_NOT_FOUND) {
		*ret_verdict = "unknown key";
		return ERR_OK;
	}
	if (err != ERR_OK)
		return err;
	if (jwt_alg_of(row.alg, &alg) != ERR_OK || signing_key_from_jwk(alg, row.public_jwk, &key) != ERR_OK)
		*ret_verdict = "damaged key in the database";
	else if (jwt_verify_libjwt(key, jwt) != ERR_OK)
		*ret_verdict = "wrong signature";
	else
		*ret_verdict = str_eq(row.state, STR("revoked")) ? "revoked key" : "valid";
	return ERR_OK;
}

static enum err judge(struct ctl *ctl, const struct jwt *jwt, const char **ret_verdict)
{
	int64_t exp = 0;
	int64_t now = 0;
	enum err err = judge_signature(ctl, jwt, ret_verdict);
	if (err == ERR_OK)
		err = operator_now(ctl->db, &now);
	if (err != ERR_OK || strcmp(*ret_verdict, "valid") != 0)
		return err;
	if (json_integer(json_get(jwt->claims_json, "exp"), 0, INT64_MAX / 1000000, &exp) != ERR_OK)
		*ret_verdict = "no expiry (exp)";
	else if (exp * 1000000 <= now)
		*ret_verdict = "expired";
	return ERR_OK;
}

/* jwt_parse has read it as JSON already. */
static struct str header_of(struct arena *a, struct str token)
{
	struct str part = str_split(&token, '.');
	size_t cap = BASE64_DECODED_MAX(part.n);
	char *text = arena_alloc(a, cap);
	size_t n = 0;
	return text != NULL && base64url_decode(part, text, cap, &n) == ERR_OK ? str_from(text, n) : STR_NONE;
}

enum { AUDIT_FIELDS = 13 };

static size_t audit_fields(struct ctl *ctl, const struct token_row *row, struct field *out)
{
	struct str transport = row->transport == 'r' ? STR("rest") : row->transport == 'g' ? STR("grpc") : STR("m2mctl");
	size_t n = 0;
	out[n++] = field_time(ctl, "recorded_issued_at", row->issued_at);
	out[n++] = field_time(ctl, "recorded_expires_at", row->expires_at);
	out[n++] = row->platform ? field_text("recorded_organization_id", STR_NONE)
				 : field_uuid(ctl, "recorded_organization_id", row->organization_id);
	out[n++] = field_text("recorded_client_id", row->client_id);
	out[n++] = row->secret_version == 0 ? field_text("recorded_secret_version", STR_NONE)
					    : field_number("recorded_secret_version", row->secret_version);
	out[n++] = field_text("recorded_auth_method", row->auth_method);
	out[n++] = field_text("recorded_credential", row->credential);
	out[n++] = field_text("recorded_bound_to", row->bound_to);
	out[n++] = field_text("recorded_caller", row->caller);
	out[n++] = field_text("recorded_scope", row->scope);
	out[n++] = field_text("recorded_audience", row->audience);
	out[n++] = field_text("recorded_transport", transport);
	out[n++] = field_text("recorded_remote_addr", row->remote_addr);
	return n;
}

static enum err find_row(struct ctl *ctl, const struct jwt *jwt, struct token_row *ret)
{
	struct str text = STR_NONE;
	struct uuid jti;
	int64_t iat = 0;
	if (json_string(json_get(jwt->claims_json, "jti"), &text) != ERR_OK || uuid_parse(text, &jti) != ERR_OK ||
	    json_integer(json_get(jwt->claims_json, "iat"), 0, UINT32_MAX, &iat) != ERR_OK)
		return ERR_NOT_FOUND;
	return operator_token_find(ctl->db, &jti, iat, ret);
}

static int inspect(struct ctl *ctl, char **args)
{
	struct str token = STR_NONE;
	struct jwt jwt;
	struct token_row row;
	const char *verdict = "";
	int status = options_read(ctl, args, NULL, 0, &token);
	if (status != EXIT_DONE)
		return status;
	if (token.p == NULL || str_eq(token, STR("-")))
		token = input_stdin(ctl->a, JWT_MAX_LEN);
	if (token.p == NULL || jwt_parse(ctl->a, token, &jwt) != ERR_OK || jwt.kid.p == NULL) {
		ctl_say("this is not a JWT that this service could have issued: not three base64url parts, or a header that it never "
			"writes");
		return EXIT_REFUSED;
	}
	status = ctl_connect(ctl, 0);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, judge(ctl, &jwt, &verdict));
	if (status != EXIT_DONE)
		return status;

	struct field fields[4 + AUDIT_FIELDS] = {
		field_text("verdict", str_of(verdict)),
		field_raw("header", header_of(ctl->a, token)),
		field_raw("claims", jwt.claims),
	};
	size_t n = 3;
	enum err err = find_row(ctl, &jwt, &row);
	if (err != ERR_OK && err != ERR_NOT_FOUND)
		return ctl_ended(ctl, err);
	fields[n++] = field_bool("recorded", err == ERR_OK);
	if (err == ERR_OK)
		n += audit_fields(ctl, &row, fields + n);
	status = output_record(ctl, fields, n);
	return status == EXIT_DONE && strcmp(verdict, "valid") != 0 ? EXIT_REFUSED : status;
}

const struct command token_commands[] = {
	{"token", "mint", "--org SLUG|--platform|--operator [--subject NAME] [--role admin|member]... [--audience A] [--lifetime SECONDS]",
	 "Makes a token for an organization, for the platform or for an operator, and prints it",
	 "  --org SLUG          for the organization's routes, /m2m/*\n"
	 "  --platform          for the routes above organizations, /admin/*: create customers, their clients, and so on\n"
	 "  --operator          for all of /admin/*, the operator's own routes too: keys, the audit, denied attempts, health;\n"
	 "                      `m2mctl console end --actor NAME` ends it\n"
	 "  --subject NAME      whose token it is: the claim sub, and the caller in the audit (default: $USER)\n"
	 "  --role ROLE         admin may read and rotate the organization's secret, member (the default) may ask for the client id\n"
	 "  --audience A        the claim aud (default: M2M_DEFAULT_AUDIENCE)\n"
	 "  --lifetime SECONDS  1 to 86400 (default 3600)\n\n"
	 "The token's row is in the audit before the token is printed. It is signed with the database's current key, which the master "
	 "keys\n"
	 "(M2M_MASTER_KEYS_FILE) open; M2M_ISSUER must be the gateway's.\n\n"
	 "Example:\n  curl -H \"Authorization: Bearer $(m2mctl token mint --org acme --role admin)\" http://127.0.0.1:8080/m2m/client-id\n",
	 mint},
	{"token", "inspect", "[TOKEN|-]", "Shows what a token says, whether it is valid, and its row in the audit",
	 "Without TOKEN, or with -, it is read from stdin, where other users of the machine can't see it. Exit code 0: valid; 6: expired, "
	 "signed\n"
	 "with an unknown or revoked key, or with a wrong signature. Whether its secret has ended is not looked at.\n\n"
	 "Example:\n  m2mctl token mint --org acme | m2mctl token inspect\n",
	 inspect},
	{"token", NULL, NULL, NULL, NULL, NULL},
};
