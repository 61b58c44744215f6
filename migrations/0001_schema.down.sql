-- Removes everything that 0001_schema.up.sql made in this database. The roles stay: other databases of the cluster may use them.
drop schema m2m cascade;
