#include "op/bearer_times.h"

#define TIME_MAX (INT64_C(1) << 40)

bool bearer_times_hold(const struct json *claims, int64_t now, int64_t leeway, int64_t *ret_expires_at)
{
	int64_t exp = 0;
	int64_t nbf = 0;
	int64_t iat = 0;
	if (json_rounded(json_get(claims, "exp"), JSON_DOWN, 1, TIME_MAX, &exp) != ERR_OK || exp + leeway <= now)
		return false;
	enum err err = json_rounded(json_get(claims, "nbf"), JSON_UP, 0, TIME_MAX, &nbf);
	if ((err != ERR_OK && err != ERR_NOT_PRESENT) || nbf > now + leeway)
		return false;
	err = json_rounded(json_get(claims, "iat"), JSON_DOWN, 0, TIME_MAX, &iat);
	if (err != ERR_OK && err != ERR_NOT_PRESENT)
		return false;
	*ret_expires_at = exp;
	return true;
}
