"""The tutorial, line by line, as somebody types it who has never been here."""

import re

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser import chromium_page, screenshot
from tests.readmes.console import commands
from tests.readmes.shell import run, serving
from tests.support import ROOT
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
    lines = [command.line for command in commands(ROOT / "docs" / "tutorial.md")]
    serve = lines.index("./sentiment serve")
    said = []

    def type_in(line, address="localhost:8000"):
        printed = run(line.replace("localhost:8000", address), tmp_path, COLUMNS="120")
        for beginning, pattern in SAYS.items():
            if line.startswith(f"{beginning} ") or line == beginning:
                assert re.search(pattern, printed), f"{line}\n{printed}"
                said.append(beginning)

    for line in lines[:serve]:
        type_in(line)
    assert "accuracy" in (tmp_path / "report.html").read_text()
    with serving(tmp_path, tmp_path / "api.log") as api:
        before = httpx.get(f"{api.url}/model-info").json()
        for line in lines[serve + 1 :]:
            type_in(line, api.url.removeprefix("http://"))
        after = httpx.get(f"{api.url}/model-info").json()
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
