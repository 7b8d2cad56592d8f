"""What the documentation names is there: commands, options, variables, messages."""

import ast
import re

import pytest
import typer

from sentiment_cli.app import app
from tests.support import ROOT

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
OWN_OPTIONS = {"--help", "--json"}
TEMPLATE = ROOT / "docs" / "template.md"


def spans(page):
    """Code in the text of a page, and lines of its console blocks."""
    text = page.read_text()
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"(?s)```.*?```", "", text))
    for block in re.findall(r"(?s)```console\n(.*?)```", text):
        yield from (line[2:] for line in block.splitlines() if line.startswith("$ "))


def own_commands(page):
    for span in spans(page):
        for found in re.findall(r"sentiment-cli ([a-z][^;&|>`\n]*)", span.split("   #")[0]):
            yield found.split()


def find(words):
    command = typer.main.get_command(app)
    rest = list(words)
    while hasattr(command, "commands"):
        assert next(iter(rest), None) in command.commands, words
        command = command.commands[rest.pop(0)]
    return command, rest


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_option_that_a_page_names_exists(page):
    left_side = {
        cell for line in TEMPLATE.read_text().splitlines() for cell in line.split("|")[1:2]
    }
    for words in own_commands(page):
        if words == ["COMMAND"] or any(" ".join(words) in cell for cell in left_side):
            continue
        command, rest = find(words)
        known = {name for parameter in command.params for name in parameter.opts} | OWN_OPTIONS
        options = {word.partition("=")[0].rstrip(",.:)") for word in rest if word.startswith("--")}
        assert options <= known, words


def test_the_right_side_of_the_page_for_newcomers_names_what_is_there():
    rows = [line.split("|")[1:3] for line in TEMPLATE.read_text().splitlines() if "|" in line]
    text = "".join(right for _, right in rows)
    settings = (ROOT / ".env.example").read_text() + (ROOT / "docker-compose.prod.yml").read_text()
    settings += (
        (ROOT / "packages/sentiment-serve/src/sentiment_serve/settings.py").read_text().upper()
    )
    for variable in re.findall(r"`([A-Z]+_[A-Z_0-9]+)`", text):
        assert variable in settings, variable
    for folder in re.findall(r"`((?:packages|services)/[\w-]*)", text):
        assert (ROOT / folder).is_dir()


def test_every_message_of_the_page_on_troubles_is_one_that_is_printed():
    printed = "\n".join(
        "".join(text for text in parts)
        for path in ROOT.glob("packages/*/src/**/*.py")
        for parts in messages(ast.parse(path.read_text()))
    )
    page = (ROOT / "docs" / "troubleshooting.md").read_text().partition("## Without")[0]
    shown = re.findall(r"(?m)^\| `([^`]+)` \|", page)
    assert len(shown) > 15
    assert [message for message in shown if message not in printed] == []


def messages(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield [part.value for part in node.values if isinstance(part, ast.Constant)]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield [node.value]
