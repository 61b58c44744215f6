#include "harness/tmp.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/proc.h"
#include "harness/require.h"

static bool made_here;

void tmp_prepare(void)
{
	if (getenv("M2M_TEST_TMP") != NULL)
		return;
	char dir[] = "/tmp/m2m-e2e.XXXXXX";
	require(mkdtemp(dir) != NULL && chmod(dir, 0755) == 0, "no temporary folder");
	setenv("M2M_TEST_TMP", dir, 1);
	made_here = true;
}

void tmp_finish(bool keep)
{
	if (!made_here)
		return;
	if (keep)
		fprintf(stderr, "kept: %s\n", tmp_dir());
	else
		proc_run((const char *const[]){"rm", "-rf", tmp_dir(), NULL});
}

const char *tmp_dir(void)
{
	const char *dir = getenv("M2M_TEST_TMP");
	require(dir != NULL, "the runner has not prepared M2M_TEST_TMP");
	return dir;
}

void tmp_path(char out[TMP_PATH], const char *name, const char *suffix)
{
	static unsigned count;
	int n = snprintf(out, TMP_PATH, "%s/%s-%d-%u%s", tmp_dir(), name, (int)getpid(), count++, suffix);
	require(n < TMP_PATH, "the temporary folder's name is too long");
}

char *tmp_read(const char *path, size_t *ret_n)
{
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return NULL;
	size_t n = 0, cap = 65536;
	char *text = malloc(cap);
	for (size_t got; (got = fread(text + n, 1, cap - n - 1, file)) > 0;) {
		n += got;
		if (cap - n < 2)
			text = realloc(text, cap *= 2);
	}
	fclose(file);
	text[n] = '\0';
	if (ret_n != NULL)
		*ret_n = n;
	return text;
}

void tmp_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");
	/* it may hold keys */
	require(file != NULL && fchmod(fileno(file), 0600) == 0, "can't write %s", path);
	bool ok = fputs(text, file) >= 0;
	require(fclose(file) == 0 && ok, "can't write %s", path);
}
