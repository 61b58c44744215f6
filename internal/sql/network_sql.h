/* How statements tell whether a request comes from where it may: in this one place. */
#ifndef M2M_SQL_NETWORK_SQL_H
#define M2M_SQL_NETWORK_SQL_H

/* True or false, never null. `networks`: a column allowed_networks; null allows any. `address`:
 * text; an unknown one (null) is in no network. */
#define NETWORK_ALLOWED(address, networks) "(" networks " is null or coalesce(" address "::inet <<= any (" networks "), false))"

#endif
