-- Seals a batch without rows. $1 to $11 the seal (audit_writer.h). Answers the time.
with seal as (
--: audit_seal($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
)
select statement_timestamp()
