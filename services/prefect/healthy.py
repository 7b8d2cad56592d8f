"""Fails unless the server answers, wherever its API stands."""

import os
from urllib.request import urlopen

path = os.environ.get("PREFECT_SERVER_API_BASE_PATH", "/api")
urlopen(f"http://127.0.0.1:4200{path}/health", timeout=4)
