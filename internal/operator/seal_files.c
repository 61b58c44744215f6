/* The checks of seal*.c for a week in two files: each seal against its own signature, since not
 * all of a chain need be there; each row against its batch's seal. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "operator/seal_parts.h"
#include "sql/copy_tuple.h"

/* Exports from before there were versions lack the last one. */
#define SEAL_FIELDS_V1 12
#define SEAL_FIELDS    SEAL_COLUMNS_N

struct mapped {
	void *p;
	size_t n;
};

static enum err map_file(struct operator_db *db, const char *path, struct mapped *ret)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0) {
		enum err err = operator_fail(db, ERR_NOT_FOUND, "%s can't be read: %m", path);
		if (fd >= 0)
			close(fd);
		return err;
	}
	ret->n = st.st_size < 0 ? 0 : (size_t)st.st_size;
	ret->p = ret->n == 0 ? MAP_FAILED : mmap(NULL, ret->n, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	return ret->p != MAP_FAILED ? ERR_OK : operator_fail(db, ERR_NOT_FOUND, "%s can't be read: it is empty, or no file", path);
}

static void unmap(struct mapped *m)
{
	if (m->p != NULL && m->p != MAP_FAILED)
		munmap(m->p, m->n);
}

/* Fixed sizes, or the seal is none of ours. */
static bool take_bytes(struct str field, void *out, size_t n)
{
	if (field.p == NULL)
		return true; /* zeros */
	if (field.n != n)
		return false;
	memcpy(out, field.p, n);
	return true;
}

static bool take_number(struct str field, int64_t *ret)
{
	uint64_t wire = 0;
	bool good = take_bytes(field, &wire, sizeof wire);
	*ret = (int64_t)__builtin_bswap64(wire);
	return good;
}

static bool take_time(struct str field, int64_t *ret)
{
	bool good = take_number(field, ret);
	*ret = field.p == NULL ? 0 : *ret + UNIX_TO_PG_EPOCH_US;
	return good;
}

static bool take_version(struct str field, int *ret)
{
	uint32_t wire = 0;
	bool good = take_bytes(field, &wire, sizeof wire);
	*ret = field.p == NULL ? 1 : (int)__builtin_bswap32(wire);
	return good;
}

/* As SEAL_COLUMNS. */
static enum err seal_of_tuple(struct str tuple, struct stored_seal *ret)
{
	struct str f[SEAL_FIELDS] = {STR_NONE};
	size_t at = 2;
	size_t n = (unsigned char)tuple.p[1];
	int64_t seq = 0;
	enum err err = n == SEAL_FIELDS || n == SEAL_FIELDS_V1 ? ERR_OK : ERR_MALFORMED;
	for (size_t i = 0; err == ERR_OK && i < n; i++)
		err = copy_next_field(tuple, &at, &f[i]);
	if (err != ERR_OK)
		return err;
	struct audit_seal *s = &ret->seal;
	*ret = (struct stored_seal){.kid = f[10], .signature = f[11]};
	bool good = take_time(f[0], &ret->at) && take_bytes(f[1], s->writer.b, sizeof s->writer.b) && take_number(f[2], &seq) &&
		    take_bytes(f[3], s->previous, sizeof s->previous) && take_time(f[4], &s->previous_at) &&
		    take_bytes(f[5], s->batch_id.b, sizeof s->batch_id.b) &&
		    take_bytes(f[6], s->sealed_batch.b, sizeof s->sealed_batch.b) && take_bytes(f[7], s->root, sizeof s->root) &&
		    f[9].n == 1 && take_version(f[12], &s->version);
	s->seq = (uint64_t)seq;
	s->tags = f[8];
	s->last = good && f[9].p[0] != 0;
	return good ? ERR_OK : ERR_MALFORMED;
}

typedef enum err take_tuple(void *arg, struct str tuple);

static enum err each_tuple(struct str stream, take_tuple *take, void *arg)
{
	enum err err = copy_skip_header(&stream);
	struct str tuple = STR("");
	while (err == ERR_OK && tuple.p != NULL) {
		err = copy_next_tuple(&stream, &tuple);
		if (err == ERR_OK && tuple.p != NULL)
			err = take(arg, tuple);
	}
	return err;
}

struct counting {
	size_t n;
};

static enum err count_tuple(void *arg, struct str tuple)
{
	struct counting *c = arg;
	(void)tuple;
	c->n++;
	return ERR_OK;
}

struct filling {
	struct seal_checking *c;
	struct seal_batches *batches;
};

static enum err take_seal(void *arg, struct str tuple)
{
	struct filling *t = arg;
	struct stored_seal s;
	uint8_t hash[SHA256_LEN];
	enum err err = seal_of_tuple(tuple, &s);
	if (err == ERR_OK)
		err = audit_seal_hash(t->c->hasher, &s.seal, hash);
	if (err != ERR_OK)
		return err;
	t->c->found->seals++;
	if (!seal_signature_fits(t->c, s.kid, hash, s.signature)) {
		seal_name_changed(t->c, &s.seal, s.at, "its signature doesn't fit");
		return ERR_OK; /* and vouches for no row */
	}
	seal_batches_put(t->batches, &s);
	return ERR_OK;
}

static enum err check_mapped(struct seal_checking *c, struct str rows, struct str seals)
{
	struct counting counting = {0};
	struct seal_batches *batches = NULL;
	enum err err = each_tuple(seals, count_tuple, &counting);
	if (err == ERR_OK)
		err = seal_batches_new(c, 2 * counting.n, &batches);
	if (err == ERR_OK)
		err = each_tuple(seals, take_seal, &(struct filling){c, batches});
	if (err == ERR_OK)
		err = each_tuple(rows, seal_batches_row, batches);
	if (err == ERR_OK)
		err = seal_batches_end(batches);
	seal_batches_free(batches);
	if (err == ERR_MALFORMED)
		return operator_fail(c->db, err, "this is no export of `m2mctl audit export`, or it was cut off");
	return err == ERR_NO_MEMORY ? operator_fail(c->db, err, "there is no memory left") : err;
}

enum err seal_check_files(struct operator_db *db, const char *rows_path, const char *seals_path, const struct seal_check_spec *spec,
			  struct seal_check *ret)
{
	struct seal_check found = {.rows = 0};
	struct mapped rows = {NULL, 0};
	struct mapped seals = {NULL, 0};
	struct seal_checking c = {.db = db, .spec = spec, .found = &found};
	enum err err = map_file(db, rows_path, &rows);
	if (err == ERR_OK)
		err = map_file(db, seals_path, &seals);
	if (err == ERR_OK)
		err = seal_checking_begin(&c, false);
	if (err == ERR_OK)
		err = check_mapped(&c, str_from(rows.p, rows.n), str_from(seals.p, seals.n));
	seal_checking_end(&c);
	unmap(&rows);
	unmap(&seals);
	if (err == ERR_OK)
		*ret = found;
	return err;
}
