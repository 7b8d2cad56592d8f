#!/bin/bash
# A role and a database of their own for MLflow and for Prefect; repeated at each start, so that a
# password that was changed is changed here too. Reaches the server as its superuser, by PGHOST.
set -euo pipefail

# shellcheck disable=SC1091 # services/secrets.sh, mounted beside this
. /usr/local/lib/secrets.sh

prepare() { # NAME PASSWORD
    # Values come by the environment: command lines can be read by every process.
    ROLE=$1 ROLE_PASSWORD=$2 psql -v ON_ERROR_STOP=1 --no-psqlrc --quiet -d postgres <<'SQL'
\getenv name ROLE
\getenv password ROLE_PASSWORD
SELECT format('CREATE ROLE %I', :'name')
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec
ALTER ROLE :"name" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password';
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name')
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
REVOKE CONNECT ON DATABASE :"name" FROM PUBLIC;
SQL
}

export PGPASSWORD="$POSTGRES_PASSWORD"
prepare mlflow "$MLFLOW_DB_PASSWORD"
prepare prefect "$PREFECT_DB_PASSWORD"
psql -v ON_ERROR_STOP=1 --no-psqlrc --quiet -d postgres -c 'REVOKE CONNECT ON DATABASE postgres FROM PUBLIC'
