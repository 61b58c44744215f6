/* Whatever stands in a file of clients: its records lie in it one behind the other, the lines that
 * they are named by don't go back, and each product's reader takes any JSON. The first byte says
 * which product. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crypto/digest.h"
#include "import_file.h"
#include "import_record.h"

#define ARENA_MAX ((size_t)64 << 20)

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* m2mctl's own says it to somebody. */
void ctl_say(const char *format, ...)
{
	(void)format;
}

static const struct record_form *form_of(uint8_t which)
{
	static const char *const names[] = {"keycloak", "hydra", "auth0", "spring", "duende", "django", "zitadel", "logto", "authentik"};
	size_t n = sizeof names / sizeof *names;
	return record_form(which % (n + 1) == n ? STR_NONE : str_of(names[which % (n + 1)]));
}

static void read_record(struct arena *a, const struct record_form *form, struct str text)
{
	const struct json *v = NULL;
	struct brought b = {.n = 0};
	if (json_parse(a, text, (struct json_limits){.max_depth = 16, .max_values = 20000, .max_members = 1000}, &v) != ERR_OK ||
	    v->type != JSON_OBJECT)
		return;
	const char *fault = form->read(a, v, &b);
	must(b.n <= FOREIGN_SECRETS_MAX && b.client.credentials_n <= (size_t)3 * IMPORT_CREDENTIALS_MAX);
	for (size_t i = 0; fault == NULL && i < b.client.credentials_n; i++)
		must(b.client.credentials[i].spec.credential_id.n > 0);
}

static void read_file(const char *path, size_t size, const struct record_form *form)
{
	struct import_file *f = NULL;
	struct import_record record;
	struct arena *a = arena_new(ARENA_MAX);
	uint32_t line = 1;
	size_t bytes = 0;
	bool failed = false;
	int status = import_file_open(str_of(path), form->container, &f);
	while (status == EXIT_DONE && a != NULL && import_file_next(f, &record, &failed)) {
		must(record.line >= line);
		line = record.line;
		bytes += record.text.n;
		must(bytes <= size);
		arena_reset(a);
		struct str text = arena_copy(a, record.text);
		if (!record.broken && text.p != NULL)
			read_record(a, form, text);
	}
	must(!failed);
	import_file_close(f);
	arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	if (size == 0)
		return 0;
	must(crypto_init() == ERR_OK);
	int fd = memfd_create("clients", MFD_CLOEXEC);
	must(fd >= 0 && write(fd, data + 1, size - 1) == (ssize_t)(size - 1));
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	read_file(path, size, form_of(data[0]));
	close(fd);
	return 0;
}
