/* The platform's API: a platform's own backend makes, reads, changes and removes organizations
 * and their clients. authenticate -> the platform's role -> check what was written -> one
 * statement, which records the act -> its rows, copied into the op. Reading and rotating a
 * client's secret are read.c's and rotate.c's, on behalf of the organization named here. */
#include "base/clock.h"
#include "op/admin_input.h"
#include "op/op_input.h"
#include "op/op_steps.h"
#include "op/portal.h"

enum op_verdict op_require_platform(struct op *op)
{
	return op->platform || op_is_session(op) ? OP_MORE : op_fail(op, ERR_FORBIDDEN, "This operation needs the platform's role.");
}

/* ---- rows out of the store ---- */

static void copy_org(struct arena *a, const struct org *from, struct org *to)
{
	*to = *from;
	to->slug = arena_copy(a, from->slug);
	to->name = arena_copy(a, from->name);
	to->issuer = arena_copy(a, from->issuer);
	to->external_id = arena_copy(a, from->external_id);
	to->client_id = arena_copy(a, from->client_id);
	to->networks = arena_copy(a, from->networks);
}

static void copy_client(struct arena *a, const struct client *from, struct client *to)
{
	*to = *from;
	to->client_id = arena_copy(a, from->client_id);
	to->organization = arena_copy(a, from->organization);
	to->name = arena_copy(a, from->name);
	to->roles = arena_copy(a, from->roles);
	to->scopes = arena_copy(a, from->scopes);
	to->audiences = arena_copy(a, from->audiences);
	to->token_type = arena_copy(a, from->token_type);
	to->hint = arena_copy(a, from->hint);
	to->networks = arena_copy(a, from->networks);
	to->auth_methods = arena_copy(a, from->auth_methods);
	to->token_binding = arena_copy(a, from->token_binding);
	to->profile = arena_copy(a, from->profile);
	to->secret_created_by = arena_copy(a, from->secret_created_by);
}

/* Of one that is read, made or changed; a list has none. An act is answered in full. */
static void show_tag(struct op *op, struct str tag)
{
	op->out.etag = arena_copy(op->arena, tag);
	if (op->spec->id == OP_GET_ORGANIZATION || op->spec->id == OP_GET_CLIENT)
		op_compare_etag(op);
}

static void take_orgs(void *arg, enum err err, const struct admin_answer *answer)
{
	struct op *op = arg;
	struct org *orgs = err == ERR_OK ? arena_alloc(op->arena, answer->n * sizeof *orgs) : NULL;
	for (size_t i = 0; orgs != NULL && i < answer->n; i++)
		copy_org(op->arena, &answer->orgs[i], &orgs[i]);
	if (orgs != NULL) {
		op->out.orgs = orgs;
		op->out.rows = answer->n;
		if (answer->more)
			admin_put_next_page(op, orgs[answer->n - 1].slug);
		else if (answer->n == 1)
			op->organization_id = orgs[0].organization_id;
		if (answer->n == 1)
			show_tag(op, answer->orgs[0].tag);
	}
	op_resume(op, err);
}

static void take_clients(void *arg, enum err err, const struct admin_answer *answer)
{
	struct op *op = arg;
	struct client *clients = err == ERR_OK ? arena_alloc(op->arena, answer->n * sizeof *clients) : NULL;
	for (size_t i = 0; clients != NULL && i < answer->n; i++)
		copy_client(op->arena, &answer->clients[i], &clients[i]);
	if (clients != NULL) {
		op->out.clients = clients;
		op->out.rows = answer->n;
		if (answer->more && answer->place != 0)
			admin_put_next_client(op, answer->place, clients[answer->n - 1].client_id);
		else if (answer->more)
			admin_put_next_page(op, clients[answer->n - 1].client_id);
		if (answer->n > 0)
			op->organization_id = clients[0].organization_id;
		if (answer->n == 1)
			show_tag(op, answer->clients[0].tag);
	}
	if (err == ERR_CONFLICT)
		op->err_detail = "A disabled client can't be the organization's default.";
	op_resume(op, err);
}

/* What is created stays, and its secret is shown once: nothing may come in between. */
static void take_new_org(void *arg, enum err err, const struct admin_answer *answer)
{
	((struct op *)arg)->completed = err == ERR_OK;
	take_orgs(arg, err, answer);
}

static void take_new_client(void *arg, enum err err, const struct admin_answer *answer)
{
	((struct op *)arg)->completed = err == ERR_OK;
	take_clients(arg, err, answer);
}

static enum op_verdict wait_for(struct op *op, enum err err)
{
	return err == ERR_OK ? OP_WAIT : op_fail(op, err, NULL);
}

/* ---- the organization that the path names ---- */

static void organization_found(void *arg, enum err err, const struct admin_answer *answer)
{
	struct op *op = arg;
	if (err == ERR_OK && answer->orgs[0].disabled_at != 0) {
		op->err_detail = "The organization is disabled; enable it first.";
		err = ERR_CONFLICT;
	} else if (err == ERR_OK) {
		op->organization_id = answer->orgs[0].organization_id;
		op->caller = (struct bearer){.organization_id = op->organization_id, .admin = true, .anywhere = true};
	}
	op_resume(op, err);
}

enum op_verdict op_act_for_organization(struct op *op)
{
	if (op_is_session(op)) /* it is of this organization, and stays who acts */
		return OP_MORE;
	return wait_for(op, admin_org_find(op->env->store, op->in.organization, organization_found, op));
}

/* ---- organizations ---- */

static enum op_verdict list_organizations(struct op *op)
{
	struct str after;
	struct org_search search;
	enum op_verdict verdict = admin_read_page(op, &after);
	if (verdict == OP_MORE)
		verdict = admin_read_org_search(op, &search);
	return verdict == OP_MORE ? wait_for(op, admin_org_list(op->env->store, &search, after, op->in.page_size, take_orgs, op)) : verdict;
}

static enum op_verdict create_organization(struct op *op)
{
	enum op_verdict verdict = admin_check_new_org(op);
	if (verdict != OP_MORE)
		return verdict;
	struct uuid id = uuid_v7(clock_wall_us());
	enum err err = op_make_credential(op, &id);
	if (err == ERR_OK)
		err = admin_org_create(op->env->store, &op->origin, &id, &op->in.new_org, &op->fresh, take_new_org, op);
	return wait_for(op, err);
}

static enum op_verdict get_organization(struct op *op)
{
	return wait_for(op, admin_org_find(op->env->store, op->in.organization, take_orgs, op));
}

static enum op_verdict update_organization(struct op *op)
{
	enum op_verdict verdict = admin_check_org_change(op);
	if (verdict != OP_MORE)
		return verdict;
	op->in.org_change.if_match = op->in.if_match;
	return wait_for(op, admin_org_change(op->env->store, &op->origin, op->in.organization, &op->in.org_change, take_orgs, op));
}

static enum op_verdict delete_organization(struct op *op)
{
	return wait_for(op, admin_org_delete(op->env->store, &op->origin, op->in.organization, &op->in.if_match, take_orgs, op));
}

/* ---- clients ---- */

static void take_found(void *arg, enum err err, const struct admin_answer *answer)
{
	struct op *op = arg;
	struct found_client *found = err == ERR_OK ? arena_alloc(op->arena, (answer->n + 1) * sizeof *found) : NULL;
	for (size_t i = 0; found != NULL && i < answer->n; i++) {
		found[i] = answer->found[i];
		found[i].client_id = arena_copy(op->arena, found[i].client_id);
		found[i].name = arena_copy(op->arena, found[i].name);
		found[i].slug = arena_copy(op->arena, found[i].slug);
		found[i].organization_name = arena_copy(op->arena, found[i].organization_name);
	}
	if (found != NULL) {
		op->out.found_clients = found;
		op->out.rows = answer->n;
		if (answer->more)
			admin_put_next_client(op, answer->place, found[answer->n - 1].client_id);
	}
	op_resume(op, err);
}

static enum op_verdict search_clients(struct op *op, struct str org, admin_done *take)
{
	struct client_search search;
	enum op_verdict verdict = admin_read_client_search(op, &search);
	return verdict == OP_MORE ? wait_for(op, admin_client_search(op->env->store, org, &search, op->in.page_size, take, op)) : verdict;
}

static enum op_verdict list_all_clients(struct op *op)
{
	return search_clients(op, STR_NONE, take_found);
}

static enum op_verdict list_clients(struct op *op)
{
	struct str after;
	if (op->in.search.p != NULL && op->in.expiring != 0)
		return op_fail(op, ERR_INVALID_REQUEST, "search and expiring_within don't go together.");
	if (op->in.search.p != NULL)
		return search_clients(op, op->in.organization, take_clients);
	enum op_verdict verdict = admin_read_page(op, &after);
	if (verdict != OP_MORE)
		return verdict;
	return wait_for(op,
			admin_client_list(op->env->store, op->in.organization, after, op->in.page_size, op->in.expiring, take_clients, op));
}

static enum op_verdict check_new_client(struct op *op)
{
	enum op_verdict verdict = admin_check_client(op, true);
	if (verdict == OP_MORE)
		admin_complete_client(op, false);
	return verdict;
}

/* After op_act_for_organization: the secret is derived for the organization's id, so that has to
 * be known first. */
static enum op_verdict create_client(struct op *op)
{
	enum err err = op_make_credential(op, &op->organization_id);
	if (err == ERR_OK)
		err = admin_client_create(op->env->store, &op->origin, &op->organization_id, &op->in.client, &op->fresh, take_new_client,
					  op);
	return wait_for(op, err);
}

static enum op_verdict get_client(struct op *op)
{
	return wait_for(op, admin_client_find(op->env->store, op->in.organization, op->in.client_id, take_clients, op));
}

static enum op_verdict update_client(struct op *op)
{
	enum op_verdict verdict = admin_check_client(op, false);
	if (verdict != OP_MORE)
		return verdict;
	op->in.client.if_match = op->in.if_match;
	return wait_for(op, admin_client_change(op->env->store, &op->origin, op->in.organization, op->in.client_id, &op->in.client,
						take_clients, op));
}

static enum op_verdict delete_client(struct op *op)
{
	return wait_for(op, admin_client_delete(op->env->store, &op->origin, op->in.organization, op->in.client_id, &op->in.if_match,
						take_clients, op));
}

/* The answer to a creation shows the first secret, as a rotation's shows the next. */
static enum op_verdict show_secret(struct op *op)
{
	op->out.client_id = op->fresh.client_id;
	op->out.client_secret = str_from(op->secret, sizeof op->secret);
	return OP_MORE;
}

#define PLATFORM op_authenticate, op_require_platform

op_step *const op_list_organizations_steps[] = {PLATFORM, list_organizations, NULL};
op_step *const op_create_organization_steps[] = {PLATFORM, create_organization, show_secret, NULL};
op_step *const op_get_organization_steps[] = {PLATFORM, get_organization, NULL};
op_step *const op_update_organization_steps[] = {PLATFORM, update_organization, NULL};
op_step *const op_delete_organization_steps[] = {PLATFORM, delete_organization, NULL};
op_step *const op_list_clients_steps[] = {PLATFORM, list_clients, NULL};
op_step *const op_list_all_clients_steps[] = {PLATFORM, list_all_clients, NULL};
op_step *const op_create_client_steps[] = {PLATFORM, check_new_client, op_act_for_organization, create_client, show_secret, NULL};
op_step *const op_get_client_steps[] = {PLATFORM, get_client, NULL};
op_step *const op_update_client_steps[] = {PLATFORM, update_client, NULL};
op_step *const op_delete_client_steps[] = {PLATFORM, delete_client, NULL};
