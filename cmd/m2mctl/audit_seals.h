/* m2mctl audit verify, head, prove, export: the seals of the audit. */
#ifndef M2MCTL_AUDIT_SEALS_H
#define M2MCTL_AUDIT_SEALS_H

#include "ctl.h"
#include "operator/seal.h"
#include "output.h"

enum { SEAL_CHECK_COLUMNS = 4 };

/* Holds rows and seals of the last `days`, or of an exported week (absent: the database),
 * against each other, and against the heads in a file (absent: none). Fills SEAL_FAULTS rows of
 * check, result, found and which; names on stderr what is wrong. Answers the exit code;
 * *ret_sound says whether all is well when that is EXIT_DONE. */
int seals_check(struct ctl *ctl, int32_t days, struct str heads_file, struct str export, struct field *fields, bool *ret_sound);

int audit_export(struct ctl *ctl, char **args);
int audit_head(struct ctl *ctl, char **args);
int audit_prove(struct ctl *ctl, char **args);

#endif
