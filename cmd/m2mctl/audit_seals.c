#include "audit_seals.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/file.h"
#include "operator/audit.h"
#include "operator/export.h"
#include "options.h"
#include "json/json_read.h"
#include "json/json_write.h"

#define HEADS_TEXT_MAX (32 * 1024 * 1024)
#define NAMED_MAX      1000 /* of each kind */

static struct str hex_in(struct arena *a, const uint8_t *p, size_t n)
{
	struct sbuf out = sbuf_in(a, 2 * n + 1);
	for (size_t i = 0; i < n; i++)
		sbuf_printf(&out, "%02x", p[i]);
	return sbuf_str(&out);
}

static struct str base64url_in(struct arena *a, struct str bytes)
{
	struct sbuf out = sbuf_in(a, BASE64URL_LEN(bytes.n) + 1);
	sbuf_put_base64url(&out, bytes);
	return sbuf_str(&out);
}

static bool read_hash(struct str text, uint8_t out[SHA256_LEN])
{
	bool good = text.n == 2 * (size_t)SHA256_LEN;
	for (size_t i = 0; good && i < SHA256_LEN; i++) {
		int high = hex_digit(text.p[2 * i]);
		int low = hex_digit(text.p[2 * i + 1]);
		good = high >= 0 && low >= 0;
		out[i] = (uint8_t)(high * 16 + low);
	}
	return good;
}

/* ---- heads ---- */

static struct str member(const struct json *object, const char *key)
{
	struct str text = STR_NONE;
	return json_string(json_get(object, key), &text) == ERR_OK ? text : STR_NONE;
}

/* The members that make the key what it is (RFC 7518 section 6.2.1), as a JWK of their own. */
static struct str read_key(struct arena *a, const struct json *jwk)
{
	struct sbuf text = sbuf_in(a, 256);
	struct json_out o = json_out_start(&text);
	json_open(&o, NULL, '{');
	json_put_str(&o, "kty", member(jwk, "kty"));
	json_put_str(&o, "crv", member(jwk, "crv"));
	json_put_str(&o, "x", member(jwk, "x"));
	json_put_str(&o, "y", member(jwk, "y"));
	json_close(&o, '}');
	return sbuf_str(&text);
}

static bool read_head(struct arena *a, const struct json *v, struct seal_head *ret)
{
	int64_t seq;
	uint8_t *signature = arena_alloc(a, AUDIT_SIGNATURE_LEN);
	size_t n = 0;
	*ret = (struct seal_head){.kid = member(v, "kid"), .public_jwk = read_key(a, json_get(v, "key"))};
	if (signature == NULL || uuid_parse(member(v, "writer"), &ret->writer) != ERR_OK ||
	    json_integer(json_get(v, "seq"), 1, INT64_MAX, &seq) != ERR_OK ||
	    json_integer(json_get(v, "at_us"), 0, INT64_MAX, &ret->at) != ERR_OK || !read_hash(member(v, "hash"), ret->hash) ||
	    base64url_decode(member(v, "signature"), signature, AUDIT_SIGNATURE_LEN, &n) != ERR_OK || ret->kid.p == NULL)
		return false;
	ret->seq = (uint64_t)seq;
	ret->signature = str_from(signature, n);
	return true;
}

static int read_heads(struct ctl *ctl, struct str path, struct seal_head **ret, size_t *ret_n)
{
	const struct json *list = NULL;
	size_t n = 0;
	struct str text = file_read(path, HEADS_TEXT_MAX);
	enum err err = text.p == NULL ? ERR_NOT_FOUND
				      : json_parse(ctl->a, text, (struct json_limits){.max_depth = 3, .max_values = 1000000}, &list);
	free((char *)(uintptr_t)text.p);
	if (err == ERR_NOT_FOUND) {
		ctl_say("--head: %.*s can't be read", STR_ARG(path));
		return EXIT_USAGE;
	}
	bool good = err == ERR_OK && list->type == JSON_ARRAY;
	for (const struct json *v = good ? list->child : NULL; v != NULL; v = v->next)
		n++;
	*ret = arena_alloc(ctl->a, (n + 1) * sizeof **ret);
	*ret_n = 0;
	for (const struct json *v = good ? list->child : NULL; good && *ret != NULL && v != NULL; v = v->next)
		good = read_head(ctl->a, v, &(*ret)[(*ret_n)++]);
	if (!good || *ret == NULL || n == 0) {
		ctl_say("--head: %.*s isn't what `m2mctl audit head --output json` prints", STR_ARG(path));
		return EXIT_USAGE;
	}
	return EXIT_DONE;
}

int audit_head(struct ctl *ctl, char **args)
{
	enum { COLUMNS = 9, SHOWN = 6 };
	const struct seal_head *heads = NULL;
	size_t n = 0;
	int32_t days = AUDIT_DAYS_MAX;
	const struct option options[] = {{"--days", OPTION_NUMBER, &days, 1, AUDIT_DAYS_MAX}};
	int status = options_read(ctl, args, options, 1, NULL);
	if (status == EXIT_DONE)
		status = output_rows_check(ctl);
	if (status == EXIT_DONE)
		status = ctl_connect(ctl, 0);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_seal_heads(ctl->db, days, &heads, &n));
	if (status != EXIT_DONE)
		return status;

	/* what only a program reads is left to programs */
	size_t columns = ctl->output == OUTPUT_JSON ? COLUMNS : SHOWN;
	struct field *fields = arena_alloc(ctl->a, (n + 1) * COLUMNS * sizeof *fields);
	for (size_t i = 0; fields != NULL && i < n; i++) {
		struct field *row = fields + i * columns;
		row[0] = field_uuid(ctl, "writer", heads[i].writer);
		row[1] = field_number("seq", (int64_t)heads[i].seq);
		row[2] = field_time(ctl, "at", heads[i].at);
		row[3] = field_bool("last", heads[i].last);
		row[4] = field_text("hash", hex_in(ctl->a, heads[i].hash, sizeof heads[i].hash));
		row[5] = field_text("kid", heads[i].kid);
		if (columns == SHOWN)
			continue;
		row[6] = field_number("at_us", heads[i].at);
		row[7] = field_text("signature", base64url_in(ctl->a, heads[i].signature));
		row[8] = field_raw("key", heads[i].public_jwk);
	}
	if (fields == NULL || arena_overflowed(ctl->a)) {
		ctl_say("there are more writers than there is memory for: --days");
		return EXIT_FAILED;
	}
	return output_rows(ctl, "seals", fields, columns, n);
}

/* ---- proof ---- */

int audit_prove(struct ctl *ctl, char **args)
{
	struct str text = STR_NONE;
	struct uuid jti;
	struct seal_proof proof;
	int status = options_read(ctl, args, NULL, 0, &text);
	if (status == EXIT_DONE && uuid_parse(text, &jti) != ERR_OK)
		status = ctl_usage(ctl, "expected the jti of a token, a UUID");
	if (status == EXIT_DONE)
		status = ctl_connect(ctl, 0);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_seal_prove(ctl->db, &jti, &proof));
	if (status != EXIT_DONE)
		return status;

	struct sbuf path = sbuf_in(ctl->a, (2 * SHA256_LEN + 1) * AUDIT_PATH_MAX);
	for (size_t i = 0; i < proof.path_n; i++) {
		sbuf_putz(&path, i > 0 ? " " : "");
		sbuf_put(&path, hex_in(ctl->a, proof.path[i], SHA256_LEN));
	}
	const struct field fields[] = {
		field_uuid(ctl, "jti", jti),
		field_time(ctl, "issued_at", proof.issued_at),
		field_uuid(ctl, "batch_id", proof.batch_id),
		field_text("row", base64url_in(ctl->a, proof.row)),
		field_number("index", (int64_t)proof.index),
		field_number("rows", (int64_t)proof.rows),
		field_words("path", sbuf_str(&path)),
		field_text("seal", base64url_in(ctl->a, proof.seal)),
		field_text("signature", base64url_in(ctl->a, proof.signature)),
		field_text("kid", proof.kid),
		field_raw("key", proof.public_jwk),
	};
	return output_record(ctl, fields, sizeof fields / sizeof fields[0]);
}

/* ---- check ---- */

struct naming {
	struct ctl *ctl;
	struct sbuf json[SEAL_FAULTS];
	struct json_out list[SEAL_FAULTS];
	uint64_t n[SEAL_FAULTS];
};

static void say_rows(void *arg, uint64_t rows)
{
	(void)arg;
	if (isatty(STDERR_FILENO))
		ctl_say("%" PRIu64 " rows", rows);
}

static void name_fault(void *arg, enum seal_fault fault, struct str which)
{
	struct naming *t = arg;
	if (++t->n[fault] > NAMED_MAX)
		return;
	json_put_str(&t->list[fault], NULL, which);
	ctl_say("%s: %.*s", seal_fault_text(fault), STR_ARG(which));
	if (t->n[fault] == NAMED_MAX)
		ctl_say("%s: and others, which are only counted", seal_fault_text(fault));
}

static void say_extent(const struct seal_check *found, int64_t took_us)
{
	ctl_say("%" PRIu64 " rows and %" PRIu64 " seals of %" PRIu64 " writers in %.1f s; %" PRIu64 " rows aren't sealed%s", found->rows,
		found->seals, found->writers, (double)took_us / 1e6, found->unsealed,
		found->unsealed > 0 ? ": each is of its writer's last batch" : "");
	if (found->before > 0)
		ctl_say("%" PRIu64 " rows are from before there were seals", found->before);
	if (!found->vouched)
		ctl_say("the keys that seals are checked with came from the database itself: give --head or M2M_MASTER_KEYS_FILE");
}

int seals_check(struct ctl *ctl, int32_t days, struct str heads_file, struct str export, struct field *fields, bool *ret_sound)
{
	struct naming naming = {.ctl = ctl};
	struct seal_head *heads = NULL;
	size_t heads_n = 0;
	struct seal_check found;
	int64_t begun = clock_mono_us();
	int status = heads_file.p == NULL ? EXIT_DONE : read_heads(ctl, heads_file, &heads, &heads_n);
	if (status == EXIT_DONE && export.p != NULL && heads_n == 0 && ctl->config.ring.n == 0) {
		ctl_say("nothing here vouches for the seals' keys: give --head or M2M_MASTER_KEYS_FILE");
		status = EXIT_CONFIG;
	}
	if (status != EXIT_DONE)
		return status;
	for (int i = 0; i < SEAL_FAULTS; i++) {
		naming.json[i] = sbuf_in(ctl->a, 64);
		naming.list[i] = json_out_start(&naming.json[i]);
		json_open(&naming.list[i], NULL, '[');
	}
	const struct seal_check_spec spec = {.days = days,
					     .ring = &ctl->config.ring,
					     .heads = heads,
					     .heads_n = heads_n,
					     .progress = say_rows,
					     .fault = name_fault,
					     .arg = &naming};
	status = ctl_ended(ctl, export.p != NULL ? operator_seal_check_files(ctl->db, export, &spec, &found)
						 : operator_seal_check(ctl->db, &spec, &found));
	if (status != EXIT_DONE)
		return status;
	say_extent(&found, clock_mono_us() - begun);
	*ret_sound = true;
	for (int i = 0; i < SEAL_FAULTS; i++) {
		struct field *row = fields + (size_t)i * SEAL_CHECK_COLUMNS;
		json_close(&naming.list[i], ']');
		row[0] = field_text("check", str_of(seal_fault_text((enum seal_fault)i)));
		row[1] = field_text("result", found.faults[i] == 0 ? STR("OK") : STR("FAULT"));
		row[2] = field_number("found", (int64_t)found.faults[i]);
		row[3] = field_raw("which", sbuf_str(&naming.json[i]));
		*ret_sound = *ret_sound && found.faults[i] == 0;
	}
	return EXIT_DONE;
}

/* ---- export ---- */

int audit_export(struct ctl *ctl, char **args)
{
	struct field checks[SEAL_FAULTS * SEAL_CHECK_COLUMNS];
	struct str partition = STR_NONE;
	struct str file = STR_NONE;
	struct audit_export made;
	bool sound = true;
	const struct option options[] = {{"--to", OPTION_TEXT, &file, 0, 0}};
	int status = options_read(ctl, args, options, 1, &partition);
	if (status == EXIT_DONE && (partition.p == NULL || file.p == NULL))
		status = ctl_usage(ctl, "which partition, and --to which file?");
	if (status == EXIT_DONE)
		status = ctl_connect(ctl, 0);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_audit_export(ctl->db, partition, file, &made));
	if (status == EXIT_DONE && ctl->config.ring.n > 0)
		status = seals_check(ctl, 0, STR_NONE, file, checks, &sound);
	else if (status == EXIT_DONE)
		ctl_say("the files weren't checked, since M2M_MASTER_KEYS_FILE isn't set; `m2mctl audit verify --export` does it");
	if (status != EXIT_DONE)
		return status;
	const struct field fields[] = {
		field_text("partition", partition),
		field_text("file", file),
		field_number("rows", (int64_t)made.rows),
		field_number("seals", (int64_t)made.seals),
		field_number("bytes", (int64_t)made.bytes),
		field_text("result", ctl->config.ring.n == 0 ? STR("not checked")
				     : sound                 ? STR("OK")
							     : STR("FAULT")),
	};
	status = output_record(ctl, fields, sizeof fields / sizeof fields[0]);
	return status == EXIT_DONE && !sound ? EXIT_REFUSED : status;
}
