/* The records of a file with clients: JSON objects one after the other, mostly one a line, or the
 * elements of an array, or of the array that an object has under a name. A file of lines is read
 * line by line, however long it is, and a damaged line costs no other one. Any other file is read
 * whole. */
#ifndef M2MCTL_IMPORT_FILE_H
#define M2MCTL_IMPORT_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "ctl.h"

struct import_file;

struct import_record {
	uint32_t line;   /* where it begins, from 1 */
	struct str text; /* until the next call */
	bool broken;     /* it has no end */
};

/* "-" is stdin. `container`: the member whose elements are the records, if there is one; else
 * NULL. Says what is wrong and answers EXIT_FAILED; *ret is freed by import_file_close. */
int import_file_open(struct str path, const char *container, struct import_file **ret);
void import_file_close(struct import_file *f); /* NULL is allowed */

/* False: there are no more, or, if `*ret_failed`, the file can't be read on. */
bool import_file_next(struct import_file *f, struct import_record *ret, bool *ret_failed);

#endif
