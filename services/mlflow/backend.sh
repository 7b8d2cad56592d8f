# shellcheck shell=sh
# Sourced by what opens the database: its address, put together so that no password stands in a
# command line.
MLFLOW_BACKEND_STORE_URI=$(python -c "
import os, urllib.parse
password = urllib.parse.quote(os.environ['MLFLOW_DB_PASSWORD'], safe='')
print(f'postgresql+psycopg2://mlflow:{password}@postgres:5432/mlflow')")
export MLFLOW_BACKEND_STORE_URI
