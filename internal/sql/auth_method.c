#include "sql/auth_method.h"

bool auth_method_is_known(struct str word)
{
	static const char *const words[] = {"client_secret_basic",         "client_secret_post", "private_key_jwt", "tls_client_auth",
					    "self_signed_tls_client_auth", "workload",           "jwt_bearer"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (str_eq(word, str_of(words[i])))
			return true;
	return false;
}
