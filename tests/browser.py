"""A real headless Chromium for tests of pages."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Error, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@contextmanager
def chromium_page(width=1000, height=760, *, host=None, login=None):
    """A page of the system's Chromium, or of Playwright's own; skips where there is none.

    The name `host` leads to this machine then, whoever signed its certificate, and `login` is what
    a user types where a page asks for it.
    """
    options = _QUIET if host is None else [*_QUIET, f"--host-resolver-rules=MAP {host} 127.0.0.1"]
    installed = next(filter(None, map(shutil.which, _NAMES)), None)
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=installed, args=options)
        except Error as error:
            pytest.skip(f"no Chromium: `playwright install chromium` brings one ({error.message})")
        page = browser.new_page(
            viewport={"width": width, "height": height}, http_credentials=login,
            ignore_https_errors=host is not None,
        )  # fmt: skip
        try:
            yield page
        finally:
            browser.close()


def screenshot(page, name, folder):
    """Save a picture, to $SCREENSHOTS (as docs/images) where it is set."""
    path = Path(os.environ.get("SCREENSHOTS", folder), f"{name}.png")
    page.screenshot(path=path)
    assert path.stat().st_size > 10_000
