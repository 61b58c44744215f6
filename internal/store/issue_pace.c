#include "store/issue_pace.h"

static bool is_small(const struct issue_load *l)
{
	return l->waiting < ISSUE_GATHER_MAX && l->waiting < l->batch_max;
}

/* There is somebody to wait for: a lone client, who has got its token and asks for the next one,
 * has nobody. */
static bool has_company(const struct issue_load *l)
{
	return l->to_sign > 0 && (l->waiting > 0 || l->to_sign > 1);
}

/* What is left to sign takes longer than PostgreSQL lately took: who waits gets no token later
 * for it. */
static bool has_time(const struct issue_load *l)
{
	return l->waiting < l->batch_max && l->to_sign * l->token_us > l->trip_us;
}

enum issue_pace issue_pace(const struct issue_load *l)
{
	if (l->moment == ISSUE_COMMITTED && l->crowded && is_small(l) && has_company(l))
		return PACE_LATER;
	if (l->waiting == 0 || l->blocked || (l->scheduled && l->moment != ISSUE_TURN))
		return PACE_HOLD;
	if (l->moment == ISSUE_ARRIVED)
		return PACE_LATER;
	return has_time(l) ? PACE_HOLD : PACE_NOW;
}
