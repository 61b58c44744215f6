#include "harness/imported.h"

#include <crypt.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "harness/require.h"

const char *bcrypt_of(const char *secret, unsigned cost, char out[BCRYPT_MAX])
{
	static const char salt[] = "CCCCCCCCCCCCCCCCCCCCC.";
	static struct crypt_data room;
	char setting[64];
	snprintf(setting, sizeof setting, "$2b$%02u$%s", cost, salt);
	const char *made = crypt_r(secret, setting, &room);
	require(made != NULL && made[0] == '$', "no bcrypt here");
	snprintf(out, BCRYPT_MAX, "%s", made);
	return out;
}

void import_client(struct world *w, const char *slug, const char *client_id, const char *hash)
{
	PGconn *db = world_db(w);
	sql_exec(db, "insert into m2m.client_import (import_id, actor) values (gen_random_uuid(), 'operator:test')");
	sql_exec(db,
		 "insert into m2m.client (client_id, organization_id, roles, scopes, audiences, token_lifetime, secret_version)"
		 " select '%s', c.organization_id, '{admin,resource_server}', c.scopes, c.audiences, c.token_lifetime, 1"
		 " from m2m.client c join m2m.organization o using (organization_id) where o.slug = '%s' and c.is_default",
		 client_id, slug);
	sql_exec(db, "insert into m2m.client_secret (client_id, version, foreign_hash) values ('%s', 1, '%s')", client_id, hash);
}

const char *percent_encoded(const char *text, char out[ENCODED_MAX])
{
	size_t n = 0;
	for (; *text != '\0' && n + 4 < ENCODED_MAX; text++)
		if (isalnum((unsigned char)*text) || strchr("-._~", *text) != NULL)
			out[n++] = *text;
		else
			n += (size_t)snprintf(out + n, 4, "%%%02X", (unsigned char)*text);
	out[n] = '\0';
	return out;
}

int64_t unadopted(struct world *w, const char *client_id)
{
	return sql_int(world_db(w), "select count(*) from m2m.client_secret where client_id = '%s' and foreign_hash is not null",
		       client_id);
}

int64_t adoptions(struct world *w, const char *client_id)
{
	return sql_int(world_db(w),
		       "select count(*) from m2m.admin_audit where action = 'adopt_secret' and outcome = 'granted' and secret_version = 1"
		       " and client_id = '%s'",
		       client_id);
}
