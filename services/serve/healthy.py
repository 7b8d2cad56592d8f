"""Fails unless the API's process answers."""

import os
from urllib.request import urlopen

urlopen(f"http://127.0.0.1:{os.environ['PORT']}/livez", timeout=3)
