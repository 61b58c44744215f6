/* Every error the product can answer with, in one table, so that REST, gRPC and OAuth replies
 * can't disagree.
 *
 * ERR(name, code, http status, grpc status, oauth error or NULL, sentence for a person)
 *
 * `code` is the stable machine-readable word in problem+json (RFC 9457) and ErrorInfo.reason.
 * `oauth` is the RFC 6749 section 5.2 / RFC 8707 `error` value; NULL where the OAuth vocabulary
 * has no word. `grpc` is the numeric google.rpc.Code. */
/* clang-format off */
#define ERR_TABLE(ERR) \
	ERR(INVALID_REQUEST,        "invalid_request",        400,  3, "invalid_request",        "The request is missing a required parameter, repeats one, or is malformed.") \
	ERR(UNSUPPORTED_GRANT_TYPE, "unsupported_grant_type", 400,  3, "unsupported_grant_type", "The grant_type is not supported; use client_credentials.") \
	ERR(UNSUPPORTED_RESPONSE_TYPE, "unsupported_response_type", 400, 3, "unsupported_response_type", "There is no authorization endpoint here; use the grant client_credentials at the token endpoint.") \
	ERR(INVALID_CLIENT,         "invalid_client",         401, 16, "invalid_client",         "Client authentication failed.") \
	ERR(INVALID_GRANT,          "invalid_grant",          400,  3, "invalid_grant",          "The assertion of the grant isn't one of the client's workloads, or was used before.") \
	ERR(INVALID_SCOPE,          "invalid_scope",          400,  3, "invalid_scope",          "The requested scope is malformed or exceeds what the client may have.") \
	ERR(INVALID_TARGET,         "invalid_target",         400,  3, "invalid_target",         "The requested audience is not one of the client's.") \
	ERR(MISSING_TOKEN,          "missing_token",          401, 16, NULL,                     "This operation needs a bearer token: Authorization: Bearer <token>.") \
	ERR(INVALID_TOKEN,          "invalid_token",          401, 16, NULL,                     "The access token is malformed, expired, revoked, or was obtained with a secret that has ended.") \
	ERR(FORBIDDEN,              "forbidden",              403,  7, NULL,                     "The token is valid but lacks the role that this operation needs.") \
	ERR(ASSERTION_REPLAYED,     "assertion_replayed",     401, 16, "invalid_client",         "The assertion was used before: each one is good for one request.") \
	ERR(INVALID_DPOP_PROOF,     "invalid_dpop_proof",     400,  3, "invalid_dpop_proof",     "The DPoP proof is missing, malformed, or not made for this request.") \
	ERR(USE_DPOP_NONCE,         "use_dpop_nonce",         400,  3, "use_dpop_nonce",         "The DPoP proof needs the nonce of this answer's DPoP-Nonce.") \
	ERR(PROOF_REPLAYED,         "proof_replayed",         400,  3, "invalid_dpop_proof",     "The DPoP proof was used before: each one is good for one request.") \
	ERR(BINDING_REQUIRED,       "binding_required",       400,  3, "invalid_request",        "The client's tokens must be bound: show a DPoP proof, or a client certificate, as it is set to.") \
	ERR(AUTH_METHOD_NOT_ALLOWED, "auth_method_not_allowed", 401, 16, "invalid_client",       "The client may not authenticate in this way.") \
	ERR(NETWORK_NOT_ALLOWED,    "network_not_allowed",    403,  7, "unauthorized_client",    "The credentials are valid but may not be used from the address that the request came from.") \
	ERR(NOT_FOUND,              "not_found",              404,  5, NULL,                     "There is nothing at this path.") \
	ERR(CLIENT_NOT_FOUND,       "client_not_found",       404,  5, NULL,                     "The organization has no such M2M client, or it is disabled.") \
	ERR(ORGANIZATION_NOT_FOUND, "organization_not_found", 404,  5, NULL,                     "There is no such organization.") \
	ERR(CREDENTIAL_NOT_FOUND,   "credential_not_found",   404,  5, NULL,                     "The client has no such credential.") \
	ERR(METHOD_NOT_ALLOWED,     "method_not_allowed",     405, 12, "invalid_request",        "The path exists but not with this method; see Allow.") \
	ERR(REQUEST_TIMEOUT,        "request_timeout",        408,  4, NULL,                     "The request did not arrive in time.") \
	ERR(BODY_TOO_LARGE,         "body_too_large",         413,  8, "invalid_request",        "The request body is larger than 16 KiB.") \
	ERR(URI_TOO_LONG,           "uri_too_long",           414,  3, NULL,                     "The request target is too long.") \
	ERR(UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", 415,  3, "invalid_request",        "The Content-Type is not one that this route takes.") \
	ERR(EXPECTATION_FAILED,     "expectation_failed",     417,  3, NULL,                     "Only Expect: 100-continue is understood.") \
	ERR(IDEMPOTENCY_KEY_REUSED, "idempotency_key_reused", 422,  9, NULL,                     "This Idempotency-Key was used before with different parameters.") \
	ERR(HEADERS_TOO_LARGE,      "headers_too_large",      431,  8, NULL,                     "The request's header section is too large.") \
	ERR(CONFLICT,               "conflict",               409, 10, NULL,                     "Another change won the race too many times; try again.") \
	ERR(ALREADY_EXISTS,         "already_exists",         409,  6, NULL,                     "There is one with this name already.") \
	ERR(DEFAULT_CLIENT,         "default_client",         409,  9, NULL,                     "This is the organization's default client; make another one the default first.") \
	ERR(SECRET_ENDED,           "secret_ended",           409,  9, NULL,                     "The client's secret has ended; rotate it.") \
	ERR(TOO_MANY_CREDENTIALS,   "too_many_credentials",   409,  9, NULL,                     "The client has 8 credentials of this kind already; remove one first.") \
	ERR(SECRET_NOT_READABLE,    "secret_not_readable",    409,  9, NULL,                     "The secret was brought along from another product and can't be read; rotate it to get one that can.") \
	ERR(PRECONDITION_FAILED,    "precondition_failed",    412, 10, NULL,                     "Somebody else has changed it since; read it again.") \
	ERR(PROFILE_UNMET,          "profile_unmet",          409,  9, NULL,                     "Profile fapi2 wants a token_binding, and no auth_methods but key and certificate.") \
	ERR(ORGANIZATION_MOVED,     "organization_moved",     421,  9, "invalid_request",        "The organization has moved to another installation.") \
	ERR(RATE_LIMITED,           "rate_limited",           429,  8, "temporarily_unavailable","Too many requests; try again later.") \
	ERR(VERSION_NOT_SUPPORTED,  "version_not_supported",  505, 12, NULL,                     "Only HTTP/1.1 and HTTP/1.0 are spoken here.") \
	ERR(OVERLOADED,             "overloaded",             503,  8, "temporarily_unavailable","The service has more work queued than it can do in time; try again in a moment.") \
	ERR(STORE_UNAVAILABLE,      "store_unavailable",      503, 14, "temporarily_unavailable","The database can't be reached or can't commit now; try again in a moment.") \
	ERR(ORGANIZATION_MOVING,    "organization_moving",    503, 14, "temporarily_unavailable","The organization is moving to another installation; try again in a moment.") \
	ERR(KEY_MISSING,            "key_missing",            503, 14, "temporarily_unavailable","This instance lacks the master key that the credential was made with.") \
	ERR(STALE_KEY,              "stale_key",              503, 14, "temporarily_unavailable","No signing key is usable at this moment; try again in a moment.") \
	ERR(ISSUER_UNAVAILABLE,     "issuer_unavailable",     503, 14, NULL,                     "The keys of the token's issuer can't be had now; try again in a moment.") \
	ERR(CANCELLED,              "cancelled",              499,  1, NULL,                     "The client went away before the answer was there.") \
	ERR(DEADLINE_EXCEEDED,      "deadline_exceeded",      504,  4, NULL,                     "The client's deadline passed before the answer was there.") \
	ERR(UNIMPLEMENTED,          "unimplemented",          501, 12, NULL,                     "There is no such service or method, or it is not called in this way.") \
	ERR(MALFORMED_MESSAGE,      "malformed_message",      400, 13, NULL,                     "The request message is not well-formed.") \
	ERR(SHUTTING_DOWN,          "shutting_down",          503, 14, "temporarily_unavailable","The service is shutting down; try another instance.") \
	ERR(INTERNAL,               "internal",               500, 13, "server_error",           "The service met a fault of its own.") \
	/* from here on: never sent, used between parts of the program */ \
	ERR(PROFILE_VIOLATED,       "profile_violated",       500, 13, "invalid_client",         "The client's security profile forbids what the request has.") \
	ERR(SECRET_NOT_ADOPTED,     "secret_not_adopted",     500, 13, NULL,                     "The client's secret was brought along, and only its old hash is known.") \
	ERR(NO_MEMORY,              "no_memory",              500, 13, "server_error",           "Out of memory.") \
	ERR(MALFORMED,              "malformed",              500, 13, NULL,                     "The bytes are not of the expected form.") \
	ERR(TOO_LARGE,              "too_large",              500, 13, NULL,                     "The value is larger than its limit.") \
	ERR(NOT_PRESENT,            "not_present",            500, 13, NULL,                     "There is no such value.") \
	ERR(MISMATCH,               "mismatch",               500, 13, NULL,                     "The values don't match.") \
	ERR(EXISTS,                 "exists",                 500, 13, NULL,                     "It exists already.") \
	ERR(AGAIN,                  "again",                  500, 13, NULL,                     "Not now; it is being made.") \
	ERR(IO,                     "io",                     500, 13, NULL,                     "An input or output operation failed.") \
	ERR(CRYPTO,                 "crypto",                 500, 13, NULL,                     "A cryptographic operation failed.")
/* clang-format on */
