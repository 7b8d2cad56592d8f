"""Is a commit fit to be released? ``python -m tools.ci_status REPOSITORY COMMIT``.

It must be on main, and the check that branch protection asks for must have succeeded. A check
that still runs is waited for.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from tools.workspace import ReleaseError

CHECK = "done"
"""The job of ci.yml that all others lead to."""

API = "https://api.github.com"
_TIMEOUT_SECONDS = 30
_PAUSE_SECONDS = 20.0


def require_green(
    repository: str,
    commit: str,
    *,
    api: str = API,
    patience_seconds: float = 3600.0,
    pause_seconds: float = _PAUSE_SECONDS,
) -> None:
    """Require that CI succeeded for a commit; wait for it while it runs.

    Raises
    ------
    ReleaseError
        If it failed, never ran, or takes too long, or GitHub does not answer.
    """
    deadline = time.monotonic() + patience_seconds
    while True:
        run = _newest_run(repository, commit, api)
        if run is None:
            raise ReleaseError(f"CI has not run for {commit[:7]}: push it to main first.")
        if run["status"] == "completed":
            break
        if time.monotonic() >= deadline:
            raise ReleaseError(f"CI still runs for {commit[:7]}: tag it again when it is done.")
        time.sleep(pause_seconds)
    if run["conclusion"] != "success":
        raise ReleaseError(f"CI ended as {run['conclusion']} for {commit[:7]}: {run['html_url']}")


def require_on_main(commit: str, main: str = "origin/main") -> None:
    """Require that a commit is part of main.

    Raises
    ------
    ReleaseError
        If it is not.
    """
    command = ["git", "merge-base", "--is-ancestor", commit, main]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        raise ReleaseError(f"{commit[:7]} is not on {main}: releases are made from there.")


def _newest_run(repository: str, commit: str, api: str) -> dict[str, Any] | None:
    query = urlencode({"check_name": CHECK, "filter": "latest"})
    request = Request(f"{api}/repos/{repository}/commits/{commit}/check-runs?{query}")
    request.add_header("Accept", "application/vnd.github+json")
    if token := os.environ.get("GITHUB_TOKEN"):
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
            runs: list[dict[str, Any]] = json.load(answer)["check_runs"]
    except (URLError, KeyError, ValueError) as error:
        raise ReleaseError(f"{api} does not say how CI ended ({error}).") from error
    return max(runs, key=lambda run: str(run["started_at"]), default=None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repository", help="like owner/name")
    parser.add_argument("commit")
    arguments = parser.parse_args()
    try:
        require_on_main(arguments.commit)
        require_green(arguments.repository, arguments.commit)
    except ReleaseError as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
