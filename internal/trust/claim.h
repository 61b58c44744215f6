/* Reading claims whose names and shapes differ from issuer to issuer.
 *
 * A name is looked up as it stands first ("org_id", "https://example.com/org_id"). If there is
 * no such claim, one that begins with a slash is a JSON Pointer (RFC 6901:
 * "/kubernetes.io/namespace", "/resource_access/my.client/roles"), any other a path of members
 * separated by dots ("realm_access.roles", as Keycloak shapes its roles). */
#ifndef M2M_TRUST_CLAIM_H
#define M2M_TRUST_CLAIM_H

#include <stdbool.h>

#include "json/json_read.h"

#define CLAIM_PATH_MAX 8 /* members of a path */

const struct json *claim_find(const struct json *claims, struct str name); /* NULL: not there */

/* One organization: a string, an array of one string, or an object with one member whose name it
 * is (Keycloak's `organization`). 1 to 200 bytes without control characters. ERR_NOT_PRESENT,
 * ERR_MALFORMED (another shape, or more than one). */
MUST_CHECK enum err claim_organization(const struct json *claims, struct str name, struct str *ret);

/* Whether `role` is among the claim's: an array of strings, a string of words separated by
 * spaces, or an object that has it as a member. The member's value is true, or an object of the
 * organizations in which the role was given (Zitadel:
 * {"admin":{"123":"acme.example"}}): `organization` must be one of its names or values; absent,
 * any is enough. False for any other shape. */
bool claim_has_role(const struct json *claims, struct str name, struct str role, struct str organization);

/* `aud` (RFC 7519 section 4.1.3) is `audience`, or an array of strings of which it is one. */
bool claim_has_audience(const struct json *claims, struct str audience);

#endif
