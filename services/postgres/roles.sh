#!/bin/bash
# A role and a database of their own for MLflow and for Prefect; repeated at each start, so that a
# password that was changed is changed here too. Reaches the server as its superuser, by PGHOST.
set -euo pipefail

secret() { # NAME: its value, or the content of the file that NAME_FILE names
    local file=$1_FILE
    if [ -n "${!file:-}" ]; then cat "${!file}"; else printf '%s' "${!1:-}"; fi
}

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

PGPASSWORD=$(secret POSTGRES_PASSWORD)
export PGPASSWORD
prepare mlflow "$(secret MLFLOW_DB_PASSWORD)"
prepare prefect "$(secret PREFECT_DB_PASSWORD)"
psql -v ON_ERROR_STOP=1 --no-psqlrc --quiet -d postgres -c 'REVOKE CONNECT ON DATABASE postgres FROM PUBLIC'
