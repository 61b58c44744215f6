/* The words that the statements answer with, and what they mean to a caller: the words are the
 * error table's codes, besides the two kinds of yes. */
#ifndef M2M_SQL_OUTCOME_H
#define M2M_SQL_OUTCOME_H

#include "base/str.h"

/* ERR_OK for "granted" and "replay"; ERR_INTERNAL for a word that isn't known. */
enum err outcome_err(struct str outcome);

#endif
