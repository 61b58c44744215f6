/* What config check has found: one row for each thing that was looked at, and the exit code that
 * the faults among them stand for. */
#ifndef M2MCTL_FINDINGS_H
#define M2MCTL_FINDINGS_H

#include "ctl.h"
#include "output.h"

enum { FINDINGS_MAX = 40, FINDING_COLUMNS = 3 };

struct findings {
	struct ctl *ctl;
	struct field fields[FINDINGS_MAX * FINDING_COLUMNS];
	size_t n;
	int status; /* that of the first fault */
};

/* It is as it should be; the detail says what it is. */
void finding_ok(struct findings *f, const char *what, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* It works, and is not as it should be: the exit code doesn't change. */
void finding_warn(struct findings *f, const char *what, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* It stops a program, or what is promised. The detail says what is wrong and what to do about
 * it. */
void finding_fault(struct findings *f, const char *what, int status, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Prints all; answers as output_rows. */
int findings_print(const struct findings *f);

#endif
