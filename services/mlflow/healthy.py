"""Fails unless the server answers, wherever its pages stand."""

import os
from urllib.request import urlopen

prefix = os.environ.get("MLFLOW_STATIC_PREFIX", "")
urlopen(f"http://127.0.0.1:5000{prefix}/health", timeout=4)
