/* Criterion brings libgit2 along, to show where two texts differ. Loading it and starting it, with
 * all that it is linked with, costs 10 ms, and every test is a process. This library has its name
 * and the three functions that Criterion takes from it. The real one is loaded when there is a
 * difference to be shown. */
#include <dlfcn.h>
#include <stddef.h>

typedef int start(void);
typedef int diff(const void *old, size_t old_n, const char *old_path, const void *new, size_t new_n, const char *new_path,
		 const void *options, void *file, void *binary, void *hunk, void *line, void *payload);

start git_libgit2_init, git_libgit2_shutdown;
diff git_diff_buffers;

int git_libgit2_init(void)
{
	return 1;
}

int git_libgit2_shutdown(void)
{
	return 0;
}

int git_diff_buffers(const void *old, size_t old_n, const char *old_path, const void *new, size_t new_n, const char *new_path,
		     const void *options, void *file, void *binary, void *hunk, void *line, void *payload)
{
	void *library = dlopen(LIBGIT2, RTLD_NOW | RTLD_LOCAL);
	start *real_start = library == NULL ? NULL : (start *)dlsym(library, "git_libgit2_init");
	diff *real_diff = library == NULL ? NULL : (diff *)dlsym(library, "git_diff_buffers");
	if (real_start == NULL || real_diff == NULL || real_start() < 0)
		return -1;
	return real_diff(old, old_n, old_path, new, new_n, new_path, options, file, binary, hunk, line, payload);
}
