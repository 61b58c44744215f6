/* How a client authenticates, in the words of m2m.auth_method_name: OAuth's, where it has one. */
#ifndef M2M_SQL_AUTH_METHOD_H
#define M2M_SQL_AUTH_METHOD_H

#include <stdbool.h>

#include "base/str.h"

#define AUTH_METHODS_TEXT                                                                                                                  \
	"client_secret_basic, client_secret_post, private_key_jwt, tls_client_auth, self_signed_tls_client_auth, workload and jwt_bearer"

bool auth_method_is_known(struct str word);

#endif
