"""The tutorial, line by line, as somebody types it who has never been here."""

import json
import os
import re
import subprocess

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser import chromium_page, screenshot
from tests.readmes.console import commands
from tests.support import BIN, ROOT, eventually, free_port, running
from tests.support.projects import copy_choices

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

# What a line has to say, beside ending well.
SAYS = {
    "sentiment-cli quickstart": r"Status: Set as champion",
    "sentiment-cli predict": r"positive",
    "sentiment-cli train": r"Status: Set as champion",
    "sentiment-cli compare": r"log_loss",
    "sentiment-cli evaluate": r"accuracy",
    "sentiment-cli predict-batch": r"500 rows",
    "head": r"sentiment,confidence",
    "curl -s localhost:8000/predict": r'"sentiment": ?"\w+"',
    "curl -s -X POST": r'"1"',
    "sentiment-cli doctor": r"champion",
}


def test_every_line_of_the_tutorial_does_what_the_text_says(tmp_path):
    copy_choices(tmp_path)
    port = free_port()
    empty = dict.fromkeys(("PREFECT_API_URL", "MLFLOW_TRACKING_URI", "SENTIMENT_HOME"), "")
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | empty | {"PATH": path, "COLUMNS": "120"}
    lines = [command.line for command in commands(ROOT / "docs" / "tutorial.md")]
    said = []
    serve = lines.index("./sentiment serve")

    def type_in(line):
        typed = line.replace("localhost:8000", f"127.0.0.1:{port}")
        result = subprocess.run(
            typed, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert result.returncode == 0, f"{line}\n{result.stdout}{result.stderr}"
        for beginning, pattern in SAYS.items():
            if line.startswith(f"{beginning} ") or line == beginning:
                assert re.search(pattern, result.stdout), f"{line}\n{result.stdout}"
                said.append(beginning)
        return result.stdout

    for line in lines[:serve]:
        type_in(line)
    assert "accuracy" in (tmp_path / "report.html").read_text()
    with running(
        [BIN / "sentiment-serve"], f"http://127.0.0.1:{port}", tmp_path / "api.log",
        ready="/livez", PORT=str(port), SENTIMENT_HOME=str(tmp_path / ".sentiment"),
        MLFLOW_TRACKING_URI=f"sqlite:///{tmp_path}/.sentiment/mlflow.db",
    ) as api:  # fmt: skip
        eventually(lambda: httpx.get(f"{api.url}/readyz").status_code == 200)
        before = json.loads(httpx.get(f"{api.url}/model-info").text)
        for line in lines[serve + 1 :]:
            type_in(line)
        after = json.loads(httpx.get(f"{api.url}/model-info").text)
        look_at_the_model(api.url, tmp_path)
    assert (before["version"], after["version"]) == ("2", "1")
    assert set(said) == set(SAYS)


def look_at_the_model(url, folder):
    """What the page's second view shows of a registry with two versions."""
    for name, size in {"model": (1280, 1400), "model-phone": (390, 844)}.items():
        with chromium_page(*size) as page:
            page.goto(f"{url}/#model")
            rows = page.locator("#versions tbody tr")
            expect(rows).to_have_count(2, timeout=60_000)  # MLflow is imported for it
            expect(rows.nth(0)).to_contain_text("promoted: ")
            expect(rows.nth(1)).to_contain_text("@champion")
            expect(page.locator("#champion")).to_contain_text("there was no champion")
            expect(page.get_by_role("img", name=re.compile("percent said"))).to_be_visible()
            screenshot(page, name, folder)
