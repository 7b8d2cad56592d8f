"""Fails unless a worker serves the pool.

A worker answers to nobody: it is well as long as its process and the server's pool are.
"""

import json
import os
from urllib.request import urlopen

with urlopen(f"{os.environ['PREFECT_API_URL']}/work_pools/training", timeout=4) as answer:
    pool = json.load(answer)
if pool["status"] != "READY":
    raise SystemExit(f"The pool is {pool['status']}.")
