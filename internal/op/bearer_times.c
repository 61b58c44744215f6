#include "op/bearer_times.h"

#define TIME_MAX (INT64_C(1) << 40)

enum err bearer_time_read(const struct json *claims, const char *name, enum json_rounding to, int64_t *ret)
{
	enum err err = json_rounded(json_get(claims, name), to, 0, TIME_MAX, ret);

	return err == ERR_TOO_LARGE ? ERR_MALFORMED : err;
}

bool bearer_times_hold(const struct json *claims, int64_t now, int64_t leeway, int64_t *ret_expires_at)
{
	int64_t exp = 0;
	int64_t nbf = 0;
	int64_t iat = 0;
	if (bearer_time_read(claims, "exp", JSON_DOWN, &exp) != ERR_OK || exp + leeway <= now)
		return false;
	enum err err = bearer_time_read(claims, "nbf", JSON_UP, &nbf);
	if ((err != ERR_OK && err != ERR_NOT_PRESENT) || nbf > now + leeway)
		return false;
	err = bearer_time_read(claims, "iat", JSON_DOWN, &iat);
	if (err != ERR_OK && err != ERR_NOT_PRESENT)
		return false;
	*ret_expires_at = exp;
	return true;
}
