/* How statements look for a row by its key. */
#ifndef M2M_SQL_LOOKUP_SQL_H
#define M2M_SQL_LOOKUP_SQL_H

/* The row of a table that what stands before is about, if there is one. Because of the limit
 * PostgreSQL looks it up by its index, for one row at a time; with a plain join it may as well
 * read the whole table (or index) first while that is small, and goes on doing so when a million
 * more have been imported, until it has analyzed the table. */
#define LATERAL_ROW(alias, table, condition) " lateral (select * from " table " " alias " where " condition " limit 1) " alias " on true"
#define LOOKUP(alias, table, condition)      " left join" LATERAL_ROW(alias, table, condition)
/* True if there is such a row, else null. */
#define ANY_OF(table, alias, condition) "(select true from " table " " alias " where " condition " limit 1)"
/* Without such a row there is none of what stands before. */
#define MUST_LOOKUP(alias, table, condition) " join" LATERAL_ROW(alias, table, condition)

#endif
