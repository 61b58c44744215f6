#include "rest/rest_audit.h"

#include "rest/rest_decode_admin.h"
#include "rest/rest_encode_admin.h"

/* ---- queries ---- */

void rest_decode_acts(struct op *op, const char *query)
{
	static const char *const of_all[] = {"organization", "client_id",   "action",    "actor",      "outcome",
					     "done_after",   "done_before", "page_size", "page_token", NULL};
	const char *const *known = op->spec->id == OP_LIST_ALL_ACTS ? of_all : of_all + 1;
	struct form form;
	if (query == NULL || !rest_take_query(op, query, known, &form))
		return;
	op->in.organization = form_get(&form, "organization");
	op->in.client_id = form_get(&form, "client_id");
	op->in.action = form_get(&form, "action");
	op->in.actor = form_get(&form, "actor");
	op->in.outcome = form_get(&form, "outcome");
	op->in.issued_after = rest_time_of(form_get(&form, "done_after"));
	op->in.issued_before = rest_time_of(form_get(&form, "done_before"));
	op->in.page_token = form_get(&form, "page_token");
	rest_take_page_size(op, form_get(&form, "page_size"));
}

void rest_decode_sums(struct op *op, const char *query)
{
	static const char *const known[] = {"by", "client_id", "issued_after", "issued_before", "time_zone", NULL};
	struct form form;
	if (query == NULL || !rest_take_query(op, query, known, &form))
		return;
	op->in.by = form_get(&form, "by");
	op->in.client_id = form_get(&form, "client_id");
	op->in.issued_after = rest_time_of(form_get(&form, "issued_after"));
	op->in.issued_before = rest_time_of(form_get(&form, "issued_before"));
	op->in.time_zone = form_get(&form, "time_zone");
}

/* ---- answers ---- */

static void put_uuid(struct json_out *o, const char *key, struct uuid id)
{
	char text[UUID_TEXT_LEN];
	uuid_format(id, text);
	json_put_str(o, key, str_from(text, sizeof text));
}

static void write_organization(struct json_out *o, const struct listed_act *act)
{
	if (act->slug.p == NULL) {
		json_put_str(o, "organization", STR_NONE);
		return;
	}
	json_open(o, "organization", '{');
	put_uuid(o, "id", act->organization_id);
	json_put_str(o, "slug", act->slug);
	json_put_str(o, "name", act->name);
	json_close(o, '}');
}

static void write_act(struct json_out *o, const struct listed_act *act, bool of_all)
{
	put_uuid(o, "act_id", act->act_id);
	rest_put_time(o, "done_at", act->done_at);
	json_put_str(o, "action", act->action);
	json_put_str(o, "outcome", act->outcome);
	json_put_str(o, "actor", act->actor);
	if (of_all)
		write_organization(o, act);
	json_put_str(o, "client_id", act->client_id);
	rest_put_int_or_null(o, "secret_version", act->secret_version);
	json_put_raw(o, "detail", act->detail.p == NULL ? STR("{}") : act->detail);
	json_put_str(o, "remote_addr", act->remote_addr);
	json_put_str(o, "user_agent", act->user_agent);
	if (act->has_request_id)
		put_uuid(o, "request_id", act->request_id);
	else
		json_put_str(o, "request_id", STR_NONE);
	json_put_str(o, "transport", str_of(op_transport_name(act->transport)));
}

void rest_write_acts(struct json_out *o, const struct op *op)
{
	json_open(o, "acts", '[');
	for (size_t i = 0; i < op->out.rows; i++) {
		json_open(o, NULL, '{');
		write_act(o, &op->out.acts[i], op->spec->id == OP_LIST_ALL_ACTS);
		json_close(o, '}');
	}
	json_close(o, ']');
	json_put_str(o, "next_page_token", op->out.next_page_token);
}

static void write_sum(struct json_out *o, struct str by, const struct token_sum *sum)
{
	if (str_eq(by, STR("client")))
		json_put_str(o, "client_id", sum->name);
	else if (str_eq(by, STR("address")))
		json_put_str(o, "remote_addr", sum->name);
	else if (!str_eq(by, STR("version")))
		rest_put_time(o, "at", sum->at);
	else if (sum->name.p == NULL)
		json_put_str(o, "secret_version", STR_NONE);
	else
		json_put_raw(o, "secret_version", sum->name);
	json_put_int(o, "tokens", sum->tokens);
}

void rest_write_sums(struct json_out *o, const struct op *op)
{
	json_put_str(o, "by", op->in.by);
	rest_put_time(o, "issued_after", op->in.issued_after);
	rest_put_time(o, "issued_before", op->in.issued_before);
	json_open(o, "sums", '[');
	for (size_t i = 0; i < op->out.rows; i++) {
		json_open(o, NULL, '{');
		write_sum(o, op->in.by, &op->out.sums[i]);
		json_close(o, '}');
	}
	json_close(o, ']');
	json_put_int(o, "others", op->out.others);
}
