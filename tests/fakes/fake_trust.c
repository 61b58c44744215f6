#include "fakes/fake_trust.h"

#include <stddef.h>

const struct trust_issuer *trust_find_issuer(struct trust_view *v, struct str iss, struct str tid)
{
	(void)tid;
	return v != NULL && v->issuer.spiffe_trust_domain.p == NULL && str_eq(iss, v->issuer.issuer) ? &v->issuer : NULL;
}

enum err trust_find_key(struct trust_view *v, const struct trust_issuer *issuer, struct str kid, struct signing_key **ret)
{
	(void)issuer;
	if (v->key == NULL || !str_eq(kid, v->kid))
		return v->find == ERR_OK ? ERR_NOT_PRESENT : v->find;
	*ret = v->key;
	return ERR_OK;
}

enum err trust_ask_anew(struct trust_view *v, const struct trust_issuer *issuer)
{
	(void)issuer;
	return v->find == ERR_OK ? ERR_NOT_PRESENT : v->find;
}

enum err trust_find_keys_of(struct trust_view *v, const struct trust_issuer *issuer, enum jwt_alg alg,
			    struct signing_key *ret[TRUST_KEYS_MAX], size_t *ret_n)
{
	struct signing_key *const keys[] = {v->other, v->key};
	size_t n = 0;
	if (v->too_many)
		return ERR_TOO_LARGE;
	for (size_t i = 0; i < 2; i++)
		if (keys[i] != NULL && signing_key_alg(keys[i]) == alg)
			ret[n++] = keys[i];
	if (n == 0)
		return trust_ask_anew(v, issuer);
	*ret_n = n;
	return ERR_OK;
}

enum err trust_wait(struct trust_view *v, const struct trust_issuer *issuer, trust_done *done, void *arg)
{
	(void)issuer;
	if (v->wait != ERR_OK)
		return v->wait;
	v->waits++;
	v->done = done;
	v->arg = arg;
	return ERR_OK;
}

void fake_trust_fetched(struct trust_view *v, enum err err)
{
	trust_done *done = v->done;
	v->done = NULL;
	done(v->arg, err);
}

const struct trust_issuer *trust_find_spiffe(struct trust_view *v, struct str sub)
{
	return v != NULL && v->issuer.spiffe_trust_domain.p != NULL && str_starts(sub, STR("spiffe://")) ? &v->issuer : NULL;
}

bool trust_has_workloads(struct trust_view *v)
{
	return v->issuer.workloads;
}
