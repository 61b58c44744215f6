/* What views ask of struct trust, from any thread. */
#include "base/clock.h"
#include "trust/trust_parts.h"

struct snapshot *trust_snapshot(struct trust *t)
{
	pthread_mutex_lock(&t->lock);
	struct snapshot *s = snapshot_hold(t->snapshot);
	pthread_mutex_unlock(&t->lock);
	return s;
}

/* With the lock. */
static struct source *source_named(struct trust *t, struct str issuer)
{
	for (size_t i = 0; i < t->n; i++)
		if (str_eq(t->sources[i]->entry->issuer.issuer, issuer))
			return t->sources[i];
	return NULL;
}

static enum err ask(struct trust *t, struct source *s)
{
	if (s->busy)
		return ERR_AGAIN;
	if (!s->has_keys)
		return ERR_ISSUER_UNAVAILABLE; /* the keeper tries again by itself */
	if (!issuer_is_fetched(s->entry) || clock_mono_us() - s->asked_us < SOURCE_ASK_US)
		return ERR_NOT_PRESENT;
	s->busy = true;
	curl_multi_wakeup(t->multi);
	return ERR_AGAIN;
}

enum err trust_ask(struct trust *t, struct str issuer, uint64_t generation)
{
	pthread_mutex_lock(&t->lock);
	struct source *s = source_named(t, issuer);
	enum err err = s == NULL ? ERR_NOT_PRESENT : t->snapshot->generation != generation ? ERR_AGAIN : ask(t, s);
	pthread_mutex_unlock(&t->lock);
	return err;
}

bool trust_is_busy(struct trust *t, struct str issuer)
{
	pthread_mutex_lock(&t->lock);
	const struct source *s = source_named(t, issuer);
	bool busy = s != NULL && s->busy;
	pthread_mutex_unlock(&t->lock);
	return busy;
}
