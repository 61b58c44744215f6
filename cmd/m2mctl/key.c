/* m2mctl key: the keys that sign tokens. */
#include "store/ctl_key.h"

#include "ctl.h"
#include "options.h"
#include "output.h"

static int list(struct ctl *ctl, char **args)
{
	enum { COLUMNS = 7 };
	const struct signing_key_row *keys = NULL;
	size_t n = 0;
	int status = options_read(ctl, args, NULL, 0, NULL);
	if (status == EXIT_DONE)
		status = ctl_connect(ctl, 0);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, ctl_signing_key_list(ctl->db, &keys, &n));
	if (status != EXIT_DONE)
		return status;

	struct field *fields = arena_alloc(ctl->a, n * COLUMNS * sizeof *fields);
	for (size_t i = 0; fields != NULL && i < n; i++) {
		struct field *row = fields + i * COLUMNS;
		row[0] = field_text("kid", keys[i].kid);
		row[1] = field_text("alg", keys[i].alg);
		row[2] = field_text("state", keys[i].state);
		row[3] = field_bool("current", keys[i].current);
		row[4] = field_text("seal_key_id", keys[i].seal_key_id);
		row[5] = field_time(ctl, "created_at", keys[i].created_at);
		row[6] = field_time(ctl, "active_from", keys[i].active_from);
	}
	return fields == NULL ? EXIT_FAILED : output_rows(ctl, "signing keys; `m2mctl migrate up` makes the first one", fields, COLUMNS, n);
}

const struct command key_commands[] = {
	{"key", "list", "", "Lists the signing keys; the current one signs new tokens", "Example:\n  m2mctl key list\n", list},
	{"key", NULL, NULL, NULL, NULL, NULL},
};
