#include "findings.h"

#include <stdarg.h>
#include <stdio.h>

#define DETAIL_MAX 1200 /* a store's sentence, and advice */

/* Past the last row there is no room: with so many faults nobody misses the next one before the
 * first are mended. */
static void put(struct findings *f, const char *what, const char *result, const char *format, va_list args)
{
	char detail[DETAIL_MAX];
	if (f->n == FINDINGS_MAX)
		return;
	vsnprintf(detail, sizeof detail, format, args);
	struct field *row = &f->fields[f->n++ * FINDING_COLUMNS];
	row[0] = field_text("check", str_of(what));
	row[1] = field_text("result", str_of(result));
	row[2] = field_text("detail", arena_copy(f->ctl->a, str_of(detail)));
}

void finding_ok(struct findings *f, const char *what, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	put(f, what, "OK", format, args);
	va_end(args);
}

void finding_warn(struct findings *f, const char *what, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	put(f, what, "WARNING", format, args);
	va_end(args);
}

void finding_fault(struct findings *f, const char *what, int status, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	put(f, what, "FAULT", format, args);
	va_end(args);
	if (f->status == EXIT_DONE)
		f->status = status;
}

int findings_print(const struct findings *f)
{
	return output_rows(f->ctl, "findings", f->fields, FINDING_COLUMNS, f->n);
}
