#!/bin/sh
# Runs once, when the image makes the cluster: the roles and the database; `m2mctl migrate up` does
# the rest.
set -eu
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="${POSTGRES_USER:-postgres}" --dbname=postgres <<'SQL'
\set owner_password `cat /run/secrets/m2m_owner_password`
\set gateway_password `cat /run/secrets/m2m_gateway_password`
create role m2m_owner login password :'owner_password';
create role m2m_gateway login password :'gateway_password';
alter role m2m_gateway set synchronous_commit = on;
create role m2m_auditor;
create role m2m_organization_auditor;
grant m2m_auditor to m2m_owner;
create database m2m owner m2m_owner;
SQL
