#!/bin/bash
# Runs once, on the first start: a database and a user each for MLflow and Prefect.
set -euo pipefail

secret() { # NAME: its value, or the content of the file that NAME_FILE names
    local file=$1_FILE
    if [ -n "${!file:-}" ]; then cat "${!file}"; else printf '%s' "${!1:-}"; fi
}

create() { # NAME PASSWORD
    psql -v ON_ERROR_STOP=1 --no-psqlrc -U "$POSTGRES_USER" -d "$POSTGRES_DB" \
        -v name="$1" -v password="$2" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
SQL
}

create mlflow "$(secret MLFLOW_DB_PASSWORD)"
create prefect "$(secret PREFECT_DB_PASSWORD)"
