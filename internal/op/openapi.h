/* The REST contract as this program was built with it: internal/api/openapi.yaml, and the same
 * as JSON. */
#ifndef M2M_OP_OPENAPI_H
#define M2M_OP_OPENAPI_H

#include "base/str.h"

extern const struct str openapi_yaml, openapi_json;

#endif
