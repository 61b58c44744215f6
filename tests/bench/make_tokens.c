/* Rows of m2m.token_audit as gateways write them, at a million in about a second, to stdout for
 * `copy m2m.token_audit from stdin (format binary)`.
 *
 *   make_tokens CLIENTS_FILE ROWS FROM UNTIL
 *
 * CLIENTS_FILE is the file of m2m.client that make_clients wrote; FROM and UNTIL are seconds
 * since 1970. The rows' times go up evenly from FROM to UNTIL, and the clients take turns, so
 * that the rows of each are spread over all of that time. */
#include <stdio.h>
#include <stdlib.h>

#include "crypto/secret.h"
#include "sql/audit_row.h"

#define BATCH      64   /* rows that are written at once */
#define STRIDE     7919 /* a prime, so that every client has its turn, in no order */
#define SECOND_US  INT64_C(1000000)
#define DAY_US     (86400 * SECOND_US)
#define TUPLE_MAX  512
#define MAX_SECOND (INT64_MAX / SECOND_US / 2)

struct client {
	char id[CLIENT_ID_LEN];
	struct uuid organization_id;
};

struct clients {
	struct client *of;
	size_t n;
};

static bool read_client(const char *line, struct client *ret)
{
	size_t n = strlen(line);
	if (n < CLIENT_ID_LEN + 1 + UUID_TEXT_LEN || line[CLIENT_ID_LEN] != '\t')
		return false;
	memcpy(ret->id, line, sizeof ret->id);
	return uuid_parse(str_from(line + CLIENT_ID_LEN + 1, UUID_TEXT_LEN), &ret->organization_id) == ERR_OK;
}

/* What of the file can be read; it stays until the program ends. */
static struct clients read_clients(const char *path)
{
	struct clients all = {.of = NULL};
	char line[1024];
	struct client client;
	FILE *f = fopen(path, "r");
	if (f == NULL)
		return all;
	while (fgets(line, sizeof line, f) != NULL && read_client(line, &client)) {
		if ((all.n & (all.n - 1)) == 0) { /* full: the room is a power of two */
			struct client *more = realloc(all.of, (all.n == 0 ? 1 : all.n * 2) * sizeof *more);
			if (more == NULL)
				break;
			all.of = more;
		}
		all.of[all.n++] = client;
	}
	(void)fclose(f);
	return all;
}

static bool put_row(const struct client *client, int64_t at, struct uuid batch_id)
{
	char bytes[TUPLE_MAX];
	struct sbuf tuple = sbuf_fixed(bytes, sizeof bytes);
	struct str client_id = str_from(client->id, sizeof client->id);
	const struct audit_row row = {
		.issued_at = at,
		.expires_at = at + DAY_US,
		.jti = uuid_v7(at),
		.request_id = uuid_v7(at),
		.batch_id = batch_id,
		.organization_id = &client->organization_id,
		.secret_version = 1,
		.transport = 'r',
		.client_id = client_id,
		.kid = STR("KMe939sZJQP6_jIm"), /* as long as they are */
		.caller = client_id,
		.scope = STR("api"),
		.audience = STR("public-api"),
		.remote_addr = STR("127.0.0.1"),
		.user_agent = STR_NONE,
		.traceparent = STR_NONE,
	};
	return audit_row_write(&row, &tuple) && fwrite(tuple.p, tuple.n, 1, stdout) == 1;
}

static bool put_rows(const struct clients *clients, int64_t rows, int64_t from, int64_t until)
{
	/* the signature has a zero at its end; no flags, no extension */
	static const char header[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";
	static const uint16_t trailer = UINT16_MAX;
	struct uuid batch_id = {.b = {0}};
	int64_t at = from;
	bool good = fwrite(header, sizeof header, 1, stdout) == 1;
	for (int64_t i = 0; good && i < rows; i++) {
		if (i % BATCH == 0) {
			at = from + (int64_t)((double)(until - from) * (double)i / (double)rows);
			batch_id = uuid_v7(at);
		}
		good = put_row(&clients->of[(size_t)(i * STRIDE) % clients->n], at, batch_id);
	}
	return good && fwrite(&trailer, sizeof trailer, 1, stdout) == 1 && fflush(stdout) == 0;
}

int main(int argc, char **argv)
{
	int64_t rows = argc == 5 ? strtoll(argv[2], NULL, 10) : 0;
	int64_t from = argc == 5 ? strtoll(argv[3], NULL, 10) : 0;
	int64_t until = argc == 5 ? strtoll(argv[4], NULL, 10) : 0;
	if (rows < 1 || from < 0 || until <= from || until > MAX_SECOND) {
		fputs("make_tokens CLIENTS_FILE ROWS FROM UNTIL\n", stderr);
		return 2;
	}
	struct clients clients = read_clients(argv[1]);
	bool good = clients.n > 0 && put_rows(&clients, rows, from * SECOND_US, until * SECOND_US);
	free(clients.of);
	if (!good)
		fputs("make_tokens: no clients, or can't write\n", stderr);
	return good ? 0 : 1;
}
