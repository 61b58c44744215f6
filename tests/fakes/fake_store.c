/* Every call that op makes ends in take_on. */
#include "fakes/fake_store.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/clock.h"
#include "store/denied.h"

static enum err take_on(struct store *s, enum fake_call call)
{
	cr_assert_eq(s->waiting, FAKE_NONE, "one call waits already");
	if (s->refuse != ERR_OK)
		return s->refuse;
	s->waiting = call;
	s->calls++;
	return ERR_OK;
}

/* The real one does so before it sends an act's statement. */
static void note_origin(struct store *s, const struct origin *origin)
{
	s->origin = origin;
	if (origin != NULL && origin->act != NULL)
		origin->act->asked = true;
}

static enum err take_on_credential(struct store *s, enum fake_call call, const struct bearer *bearer, const struct origin *origin,
				   credential_done *done, void *arg)
{
	s->bearer = bearer;
	note_origin(s, origin);
	s->done = done;
	s->arg = arg;
	return take_on(s, call);
}

struct keyset *store_keyset(struct store *s)
{
	return s->keys;
}

int64_t store_now_us(const struct store *s)
{
	(void)s;
	return clock_wall_us();
}

enum err credential_read_client_id(struct store *s, const struct bearer *bearer, credential_done *done, void *arg)
{
	return take_on_credential(s, FAKE_READ_CLIENT_ID, bearer, NULL, done, arg);
}

enum err credential_read_secret(struct store *s, const struct bearer *bearer, const struct origin *origin, struct str client_id,
				credential_done *done, void *arg)
{
	s->client_id = client_id;
	return take_on_credential(s, FAKE_READ_SECRET, bearer, origin, done, arg);
}

enum err credential_rotate_begin(struct store *s, const struct bearer *bearer, const struct origin *origin,
				 const struct credential_rotation *rotation, credential_done *done, void *arg)
{
	s->rotation = rotation;
	return take_on_credential(s, FAKE_ROTATE_BEGIN, bearer, origin, done, arg);
}

enum err credential_rotate(struct store *s, const struct bearer *bearer, const struct origin *origin,
			   const struct credential_rotation *rotation, const struct credential_new *fresh, credential_done *done, void *arg)
{
	s->rotation = rotation;
	s->fresh = fresh;
	return take_on_credential(s, FAKE_ROTATE, bearer, origin, done, arg);
}

enum err token_list(struct store *s, const struct bearer *bearer, const struct token_filter *filter, const struct token_place *before,
		    int32_t limit, token_list_done *done, void *arg)
{
	s->bearer = bearer;
	s->filter = *filter;
	s->before_given = before != NULL;
	if (before != NULL)
		s->before = *before;
	s->limit = limit;
	s->list_done = done;
	s->arg = arg;
	return take_on(s, FAKE_TOKEN_LIST);
}

enum err rotation_read(struct store *s, const struct bearer *bearer, struct str client_id, rotation_done *done, void *arg)
{
	s->bearer = bearer;
	s->client_id = client_id;
	s->rotation_done = done;
	s->arg = arg;
	return take_on(s, FAKE_ROTATION_READ);
}

enum err rotation_change(struct store *s, const struct bearer *bearer, const struct origin *origin, struct str client_id,
			 const struct grace_change *change, rotation_done *done, void *arg)
{
	s->bearer = bearer;
	note_origin(s, origin);
	s->client_id = client_id;
	s->grace_change = *change;
	s->rotation_done = done;
	s->arg = arg;
	return take_on(s, FAKE_ROTATION_CHANGE);
}

void fake_rotation(struct store *s, enum err err, const struct grace_list *list)
{
	cr_assert(s->waiting == FAKE_ROTATION_READ || s->waiting == FAKE_ROTATION_CHANGE, "nobody asks about replaced secrets");
	s->waiting = FAKE_NONE;
	s->rotation_done(s->arg, err, list);
}

enum err client_jwks_find(struct store *s, struct str client_id, client_jwks_done *done, void *arg)
{
	s->client_id = client_id;
	s->jwks_done = done;
	s->arg = arg;
	return take_on(s, FAKE_CLIENT_JWKS);
}

bool store_has_foreign(const struct store *s)
{
	return s->has_foreign;
}

enum err foreign_hashes_find(struct store *s, struct str client_id, foreign_hashes_done *done, void *arg)
{
	s->client_id = client_id;
	s->hashes_done = done;
	s->arg = arg;
	return take_on(s, FAKE_FOREIGN_HASHES);
}

void fake_foreign_hashes(struct store *s, enum err err, const struct foreign_hash *hashes, size_t n)
{
	cr_assert_eq(s->waiting, FAKE_FOREIGN_HASHES, "nobody waits for hashes");
	s->waiting = FAKE_NONE;
	s->hashes_done(s->arg, err, hashes, n);
}

enum err secret_adopt(struct store *s, const struct secret_adoption *adoption, const struct origin *origin, secret_adopt_done *done,
		      void *arg)
{
	s->adoption = *adoption;
	note_origin(s, origin);
	s->adopt_done = done;
	s->arg = arg;
	return take_on(s, FAKE_ADOPT);
}

void fake_adopted(struct store *s, enum err err)
{
	cr_assert_eq(s->waiting, FAKE_ADOPT, "nothing waits to be adopted");
	s->waiting = FAKE_NONE;
	s->adopt_done(s->arg, err);
}

void fake_client_jwks(struct store *s, enum err err, const struct client_jwk *keys, size_t n)
{
	cr_assert_eq(s->waiting, FAKE_CLIENT_JWKS, "nobody waits for keys");
	s->waiting = FAKE_NONE;
	s->jwks_done(s->arg, err, keys, n);
}

enum err used_once_spend(struct store *s, const struct issue_once *once, struct str client_id, bool fapi2, used_once_done *done, void *arg)
{
	(void)client_id;
	s->once_fapi2 = fapi2;
	s->once = *once;
	s->once_done = done;
	s->arg = arg;
	return take_on(s, FAKE_USED_ONCE);
}

void fake_used_once(struct store *s, enum err err)
{
	cr_assert_eq(s->waiting, FAKE_USED_ONCE, "nothing waits to be spent");
	s->waiting = FAKE_NONE;
	s->once_done(s->arg, err);
}

/* ---- the operator's ---- */

static enum err take_on_admin(struct store *s, enum fake_call call, const struct origin *origin, struct str org, struct str client_id,
			      admin_done *done, void *arg)
{
	note_origin(s, origin);
	s->org = org;
	s->client_id = client_id;
	s->admin_done = done;
	s->arg = arg;
	return take_on(s, call);
}

enum err admin_org_list(struct store *s, const struct org_search *search, struct str after, int32_t limit, admin_done *done, void *arg)
{
	s->org_search = *search;
	s->after = after;
	s->limit = limit;
	return take_on_admin(s, FAKE_ORG_LIST, NULL, STR_NONE, STR_NONE, done, arg);
}

enum err admin_org_find(struct store *s, struct str org, admin_done *done, void *arg)
{
	return take_on_admin(s, FAKE_ORG_FIND, NULL, org, STR_NONE, done, arg);
}

enum err admin_org_resolve(struct store *s, struct str issuer, struct str external, admin_done *done, void *arg)
{
	s->issuer = issuer;
	s->external = external;
	return take_on_admin(s, FAKE_ORG_RESOLVE, NULL, STR_NONE, STR_NONE, done, arg);
}

enum err admin_org_create(struct store *s, const struct origin *origin, const struct uuid *organization_id, const struct org_spec *spec,
			  const struct credential_new *fresh, admin_done *done, void *arg)
{
	s->organization_id = *organization_id;
	s->new_org = *spec;
	s->fresh = fresh;
	return take_on_admin(s, FAKE_ORG_CREATE, origin, STR_NONE, STR_NONE, done, arg);
}

enum err admin_org_change(struct store *s, const struct origin *origin, struct str org, const struct org_change *change, admin_done *done,
			  void *arg)
{
	s->org_change = change;
	s->if_match = change->if_match;
	return take_on_admin(s, FAKE_ORG_CHANGE, origin, org, STR_NONE, done, arg);
}

enum err admin_org_delete(struct store *s, const struct origin *origin, struct str org, const struct words *if_match, admin_done *done,
			  void *arg)
{
	s->if_match = *if_match;
	return take_on_admin(s, FAKE_ORG_DELETE, origin, org, STR_NONE, done, arg);
}

enum err admin_client_list(struct store *s, struct str org, struct str after, int32_t limit, int32_t expiring, admin_done *done, void *arg)
{
	s->after = after;
	s->limit = limit;
	s->expiring = expiring;
	return take_on_admin(s, FAKE_CLIENT_LIST, NULL, org, STR_NONE, done, arg);
}

enum err admin_client_search(struct store *s, struct str org, const struct client_search *search, int32_t limit, admin_done *done,
			     void *arg)
{
	s->client_search = *search;
	s->limit = limit;
	return take_on_admin(s, FAKE_CLIENT_SEARCH, NULL, org, STR_NONE, done, arg);
}

enum err admin_client_find(struct store *s, struct str org, struct str client_id, admin_done *done, void *arg)
{
	return take_on_admin(s, FAKE_CLIENT_FIND, NULL, org, client_id, done, arg);
}

enum err admin_client_create(struct store *s, const struct origin *origin, const struct uuid *organization_id,
			     const struct client_spec *spec, const struct credential_new *fresh, admin_done *done, void *arg)
{
	s->organization_id = *organization_id;
	s->client = *spec;
	s->fresh = fresh;
	return take_on_admin(s, FAKE_CLIENT_CREATE, origin, STR_NONE, STR_NONE, done, arg);
}

enum err admin_client_change(struct store *s, const struct origin *origin, struct str org, struct str client_id,
			     const struct client_spec *change, admin_done *done, void *arg)
{
	s->client = *change;
	s->if_match = change->if_match;
	return take_on_admin(s, FAKE_CLIENT_CHANGE, origin, org, client_id, done, arg);
}

enum err admin_client_delete(struct store *s, const struct origin *origin, struct str org, struct str client_id,
			     const struct words *if_match, admin_done *done, void *arg)
{
	s->if_match = *if_match;
	return take_on_admin(s, FAKE_CLIENT_DELETE, origin, org, client_id, done, arg);
}

/* ---- what becomes of a token ---- */

static enum err take_on_token(struct store *s, enum fake_call call, const struct token_caller *caller, const struct presented_token *token,
			      token_state_done *done, void *arg)
{
	s->asker = *caller;
	s->token = token == NULL ? (struct presented_token){.kid = STR_NONE} : *token;
	s->origin = caller->origin;
	s->state_done = done;
	s->arg = arg;
	return take_on(s, call);
}

enum err token_introspect(struct store *s, const struct token_caller *caller, const struct presented_token *token, token_state_done *done,
			  void *arg)
{
	return take_on_token(s, FAKE_INTROSPECT, caller, token, done, arg);
}

enum err token_revoke(struct store *s, const struct token_caller *caller, const struct presented_token *token, token_state_done *done,
		      void *arg)
{
	return take_on_token(s, FAKE_REVOKE, caller, token, done, arg);
}

enum err token_revocations(struct store *s, const struct token_caller *caller, const struct revocation_place *after, int32_t limit,
			   token_state_done *done, void *arg)
{
	s->place = *after;
	s->limit = limit;
	return take_on_token(s, FAKE_REVOCATIONS, caller, NULL, done, arg);
}

void fake_token_state(struct store *s, enum err err, const struct token_answer *a)
{
	cr_assert(s->waiting >= FAKE_INTROSPECT && s->waiting <= FAKE_REVOCATIONS, "no call about a token waits");
	s->waiting = FAKE_NONE;
	s->state_done(s->arg, err, a);
}

void fake_admin(struct store *s, enum err err, const struct admin_answer *a)
{
	cr_assert(s->waiting >= FAKE_ORG_LIST, "no call of the operator's waits");
	s->waiting = FAKE_NONE;
	s->admin_done(s->arg, err, err == ERR_OK ? a : NULL);
}

static enum err take_on_key(struct store *s, enum fake_call call, const struct origin *origin, struct str org, struct str client_id,
			    admin_credential_done *done, void *arg)
{
	s->key_done = done;
	return take_on_admin(s, call, origin, org, client_id, NULL, arg);
}

enum err admin_credential_list(struct store *s, struct str org, struct str client_id, admin_credential_done *done, void *arg)
{
	return take_on_key(s, FAKE_KEY_LIST, NULL, org, client_id, done, arg);
}

enum err secret_list(struct store *s, const struct bearer *bearer, admin_credential_done *done, void *arg)
{
	(void)bearer;
	return take_on_key(s, FAKE_KEY_LIST, NULL, STR_NONE, STR_NONE, done, arg);
}

enum err admin_credential_get(struct store *s, struct str org, struct str client_id, struct str credential_id, admin_credential_done *done,
			      void *arg)
{
	s->credential_id = credential_id;
	return take_on_key(s, FAKE_KEY_GET, NULL, org, client_id, done, arg);
}

enum err admin_credential_add(struct store *s, const struct bearer *by, const struct origin *origin, struct str org, struct str client_id,
			      const struct client_credential_spec *spec, admin_credential_done *done, void *arg)
{
	s->bearer = by;
	s->new_credential = *spec;
	return take_on_key(s, FAKE_KEY_ADD, origin, org, client_id, done, arg);
}

enum err admin_credential_remove(struct store *s, const struct bearer *by, const struct origin *origin, struct str org,
				 struct str client_id, struct str credential_id, admin_credential_done *done, void *arg)
{
	s->bearer = by;
	s->credential_id = credential_id;
	return take_on_key(s, FAKE_KEY_REMOVE, origin, org, client_id, done, arg);
}

void fake_keys(struct store *s, enum err err, const struct registered_credential *keys, size_t n)
{
	cr_assert(s->waiting >= FAKE_KEY_LIST, "no call about keys waits");
	s->waiting = FAKE_NONE;
	s->key_done(s->arg, err, err == ERR_OK ? keys : NULL, n);
}

/* ---- issuing ---- */

enum err issue_submit(struct store *s, struct issue_request *r)
{
	s->request = r;
	s->bearer = r->bearer;
	s->origin = r->origin;
	return take_on(s, FAKE_ISSUE);
}

bool issue_has_room(const struct store *s)
{
	return !issue_is_full(s);
}

bool issue_is_full(const struct store *s)
{
	return s->refuse == ERR_OVERLOADED;
}

bool issue_withdraw(struct store *s, struct issue_request *r)
{
	cr_assert(s->waiting == FAKE_ISSUE && r == s->request, "this request was not submitted");
	if (s->queued)
		s->waiting = FAKE_NONE;
	return s->queued;
}

void denied_count(struct store *s, struct str client_id, struct str remote_addr, const char *reason)
{
	s->denied++;
	snprintf(s->denied_client, sizeof s->denied_client, "%.*s", STR_ARG(client_id));
	snprintf(s->denied_addr, sizeof s->denied_addr, "%.*s", STR_ARG(remote_addr));
	s->denied_reason = reason;
}

void fake_answer(struct store *s, enum err err, const struct credential *c)
{
	cr_assert(s->waiting > FAKE_NONE && s->waiting < FAKE_ISSUE, "no credential call waits");
	s->waiting = FAKE_NONE; /* before the callback, which may ask again */
	s->done(s->arg, err, err == ERR_OK ? c : NULL);
}

void fake_issue(struct store *s, enum err err)
{
	cr_assert_eq(s->waiting, FAKE_ISSUE, "no issue_request waits");
	s->waiting = FAKE_NONE;
	struct issue_request *r = s->request;
	r->err = err;
	r->done(&r, 1);
}

/* ---- acts and sums: asked of a real PostgreSQL alone ---- */

enum err act_list(struct store *s, const struct bearer *bearer, bool everywhere, struct str org, const struct act_filter *filter,
		  const struct act_place *before, int32_t limit, act_list_done *done, void *arg)
{
	(void)s, (void)everywhere, (void)filter, (void)before, (void)limit, (void)done, (void)arg;
	s->bearer = bearer;
	s->org = org;
	return ERR_STORE_UNAVAILABLE;
}

enum err token_sums(struct store *s, const struct bearer *bearer, const struct token_sum_query *query, token_sums_done *done, void *arg)
{
	(void)query, (void)done, (void)arg;
	s->bearer = bearer;
	return ERR_STORE_UNAVAILABLE;
}

/* ---- the portal ---- */

static enum err take_on_portal(struct store *s, enum fake_call call, portal_done *done, void *arg)
{
	s->portal_done = done;
	s->arg = arg;
	return take_on(s, call);
}

enum err portal_link_make(struct store *s, const struct bearer *maker, const struct origin *origin, struct str org,
			  const struct uuid *link_id, const uint8_t code_hash[SHA256_LEN], const struct portal_link_spec *spec,
			  bool clients, portal_done *done, void *arg)
{
	(void)link_id, (void)code_hash;
	s->bearer = maker;
	note_origin(s, origin);
	s->org = org;
	s->link = *spec;
	s->may_pass_on_clients = clients;
	return take_on_portal(s, FAKE_PORTAL_LINK, done, arg);
}

enum err portal_open(struct store *s, const struct origin *origin, const uint8_t code_hash[SHA256_LEN], const struct uuid *session_id,
		     const uint8_t token_hash[SHA256_LEN], portal_done *done, void *arg)
{
	(void)code_hash, (void)session_id, (void)token_hash;
	note_origin(s, origin);
	return take_on_portal(s, FAKE_PORTAL_OPEN, done, arg);
}

enum err portal_use(struct store *s, const uint8_t token_hash[SHA256_LEN], struct str remote_addr, bool act_decides, portal_done *done,
		    void *arg)
{
	(void)token_hash, (void)remote_addr, (void)act_decides;
	return take_on_portal(s, FAKE_PORTAL_USE, done, arg);
}

enum err portal_list(struct store *s, struct str org, portal_done *done, void *arg)
{
	s->org = org;
	return take_on_portal(s, FAKE_PORTAL_LIST, done, arg);
}

enum err portal_list_all(struct store *s, int32_t limit, const struct portal_session *after, portal_done *done, void *arg)
{
	(void)after;
	s->limit = limit;
	return take_on_portal(s, FAKE_PORTAL_LIST_ALL, done, arg);
}

enum err portal_end(struct store *s, const struct origin *origin, struct str org, const struct uuid *session_id, const uint8_t *token_hash,
		    portal_done *done, void *arg)
{
	(void)session_id, (void)token_hash;
	note_origin(s, origin);
	s->org = org;
	return take_on_portal(s, FAKE_PORTAL_END, done, arg);
}

void fake_portal(struct store *s, enum err err, const struct portal_answer *a)
{
	s->waiting = FAKE_NONE;
	s->portal_done(s->arg, err, a);
}

/* ---- the console ---- */

static enum err take_on_console(struct store *s, enum fake_call call, console_done *done, void *arg)
{
	s->console_done = done;
	s->arg = arg;
	return take_on(s, call);
}

enum err console_open(struct store *s, const struct origin *origin, const uint8_t code_hash[SHA256_LEN], const struct uuid *session_id,
		      const uint8_t token_hash[SHA256_LEN], console_done *done, void *arg)
{
	(void)code_hash, (void)session_id, (void)token_hash;
	note_origin(s, origin);
	return take_on_console(s, FAKE_CONSOLE_OPEN, done, arg);
}

enum err console_use(struct store *s, const struct operator_proof *by, console_done *done, void *arg)
{
	s->by = by;
	return take_on_console(s, FAKE_CONSOLE_USE, done, arg);
}

enum err console_list(struct store *s, int32_t limit, const struct console_session *after, console_done *done, void *arg)
{
	(void)after;
	s->limit = limit;
	return take_on_console(s, FAKE_CONSOLE_LIST, done, arg);
}

enum err console_end(struct store *s, const struct origin *origin, const struct uuid *session_id, console_done *done, void *arg)
{
	(void)session_id;
	note_origin(s, origin);
	return take_on_console(s, FAKE_CONSOLE_END, done, arg);
}

void fake_console(struct store *s, enum err err, const struct console_answer *a)
{
	s->waiting = FAKE_NONE;
	s->console_done(s->arg, err, a);
}

/* ---- what operators alone ask ---- */

static enum err take_on_operator(struct store *s, enum fake_call call, operator_done *done, void *arg)
{
	s->operator_done = done;
	s->arg = arg;
	return take_on(s, call);
}

enum err signing_key_list(struct store *s, struct str kid, operator_done *done, void *arg)
{
	s->after = kid;
	return take_on_operator(s, FAKE_SIGNING_KEY_LIST, done, arg);
}

enum err signing_key_rotate(struct store *s, const struct origin *origin, const struct made_key *key, int64_t delay, operator_done *done,
			    void *arg)
{
	(void)key, (void)delay;
	note_origin(s, origin);
	return take_on_operator(s, FAKE_SIGNING_KEY_ROTATE, done, arg);
}

enum err signing_key_revoke(struct store *s, const struct origin *origin, struct str kid, int64_t known, bool at_once,
			    const struct made_key *key, operator_done *done, void *arg)
{
	(void)kid, (void)known, (void)at_once, (void)key;
	note_origin(s, origin);
	return take_on_operator(s, FAKE_SIGNING_KEY_REVOKE, done, arg);
}

enum err master_key_list(struct store *s, operator_done *done, void *arg)
{
	return take_on_operator(s, FAKE_MASTER_KEYS, done, arg);
}

enum err denied_list(struct store *s, const struct operator_proof *by, const struct denied_filter *filter,
		     const struct denied_place *before, int32_t limit, operator_done *done, void *arg)
{
	(void)filter, (void)before;
	s->by = by;
	s->limit = limit;
	return take_on_operator(s, FAKE_DENIED_LIST, done, arg);
}

enum err database_health(struct store *s, operator_done *done, void *arg)
{
	return take_on_operator(s, FAKE_HEALTH, done, arg);
}

enum err master_keys_wanted(struct store *s, operator_done *done, void *arg)
{
	return take_on_operator(s, FAKE_MASTER_KEYS_WANTED, done, arg);
}

struct denied_health denied_health(const struct store *s)
{
	return s->denied_health;
}

void fake_operator(struct store *s, enum err err, const struct operator_answer *a)
{
	s->waiting = FAKE_NONE;
	s->operator_done(s->arg, err, a);
}

enum err token_list_all(struct store *s, const struct operator_proof *by, struct str org, const struct token_filter *filter,
			const struct token_place *before, int32_t limit, token_list_done *done, void *arg)
{
	(void)before;
	s->by = by;
	s->org = org;
	s->filter = *filter;
	s->limit = limit;
	s->list_done = done;
	s->arg = arg;
	return take_on(s, FAKE_TOKEN_LIST_ALL);
}

/* ---- what it says of itself ---- */

bool store_ready(const struct store *s)
{
	return s->keys != NULL;
}

const char *store_unready_reason(const struct store *s)
{
	return s->keys != NULL ? "ready" : "no_signing_key";
}

const struct store_key *store_keys(const struct store *s, unsigned *ret_n)
{
	(void)s;
	*ret_n = 0;
	return NULL;
}

/* ---- acts that are refused ---- */

enum err store_record_refusal(struct store *s, const struct origin *o, enum err why, act_recorded *done, void *arg)
{
	s->origin = o;
	s->refusal = why;
	s->recorded = done;
	s->arg = arg;
	return take_on(s, FAKE_REFUSAL);
}

void fake_recorded(struct store *s, enum err err)
{
	cr_assert_eq(s->waiting, FAKE_REFUSAL, "no refusal waits");
	s->waiting = FAKE_NONE;
	s->recorded(s->arg, err);
}
