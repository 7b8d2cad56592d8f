"""Fails unless a worker serves the pool.

A worker answers to nobody: it is well as long as its process and the server's pool are.
"""

import json
import os
from base64 import b64encode
from pathlib import Path
from urllib.request import Request, urlopen

auth = os.environ.get("PREFECT_API_AUTH_STRING", "")
if file := os.environ.get("PREFECT_API_AUTH_STRING_FILE"):
    auth = Path(file).read_text().strip()
request = Request(f"{os.environ['PREFECT_API_URL']}/work_pools/training")
if auth:
    request.add_header("Authorization", f"Basic {b64encode(auth.encode()).decode()}")
with urlopen(request, timeout=4) as answer:
    pool = json.load(answer)
if pool["status"] != "READY":
    raise SystemExit(f"The pool is {pool['status']}.")
