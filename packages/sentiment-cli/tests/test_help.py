"""Help that teaches, and the shell's completion of it."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from sentiment_cli.app import app
from sentiment_cli.output import print_table

PROGRAM = str(Path(sys.executable).parent / "sentiment-cli")


def walk(command, *names):
    """Yield every command that does something, with its words."""
    for name, child in getattr(command, "commands", {}).items():
        yield from walk(child, *names, name)
    if not hasattr(command, "commands"):
        yield names, command


ROOT_COMMAND = typer.main.get_command(app)
COMMANDS = dict(walk(ROOT_COMMAND))


def test_the_walk_finds_groups_too():
    assert len(COMMANDS) > 20
    assert ("stack", "up") in COMMANDS


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_every_command_has_an_example_that_parses(names):
    help_text = CliRunner().invoke(app, [*names, "--help"], env={"COLUMNS": "200"}).stdout
    (example,) = re.findall(r"Example: (.+?) *$", help_text, re.MULTILINE)
    words = shlex.split(example)
    while "=" in words[0]:
        words.pop(0)  # a variable of the shell
    assert words[: len(names) + 1] == ["sentiment-cli", *names]
    COMMANDS[names].make_context(names[-1], words[len(names) + 1 :])


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_shell_is_given_a_script_that_asks_us(shell):
    script = complete(f"source_{shell}")
    assert f"_SENTIMENT_CLI_COMPLETE=complete_{shell}" in script
    assert "sentiment-cli" in script


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("sentiment-cli tr", "train"),
        ("sentiment-cli stack st", "status"),
        ("sentiment-cli train --champ", "--champion"),
        ("sentiment-cli prepare-data --source sta", "stanford"),
    ],
)
def test_commands_options_and_values_are_completed(typed, offered):
    bash = complete(
        "complete_bash", COMP_WORDS=typed, COMP_CWORD=str(len(typed.split()) - 1)
    )  # fmt: skip
    assert bash.split() == [offered]
    assert offered in complete("complete_zsh", _TYPER_COMPLETE_ARGS=typed)


def complete(instruction, **environment):
    return subprocess.run(
        [PROGRAM], env=os.environ | {"_SENTIMENT_CLI_COMPLETE": instruction} | environment,
        capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip


RUN_ID = "0123456789abcdef" * 4


def test_a_table_in_a_pipe_keeps_each_row_on_a_line(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    print_table("Title", ["Name", "Run"], [["a sentence " * 20, RUN_ID]])
    lines = [line for line in capsys.readouterr().out.splitlines() if RUN_ID in line]
    assert len(lines) == 1
    assert lines[0].count("a sentence") == 20


def test_a_table_on_a_narrow_terminal_breaks_sentences_but_no_word(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_table("Title", ["Name", "Run"], [["a sentence " * 20, RUN_ID]])
    out = capsys.readouterr().out
    assert RUN_ID in out
    assert out.count("sentence") == 20
    assert len(out.splitlines()) > 10
