"""Every output that a README shows is what its command prints, but for ids, times and durations."""

import pytest

from tests.readmes.console import commands, normalise
from tests.readmes.shell import run, serving
from tests.support import ROOT
from tests.support.projects import copy_choices

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

READMES = (ROOT / "README.md", *sorted(ROOT.glob("packages/*/README.md")))
COMMANDS = [command for path in READMES for command in commands(path)]
SHOWN = [command for command in COMMANDS if command.output]

# Commands that show nothing and are run elsewhere, or cannot be run in a test, and why.
ELSEWHERE = {
    "./sentiment test": "it is what runs this test",
    "./sentiment serve": "the server that the curl below it asks is started by this test",
    "MLFLOW_TRACKING_URI=http://localhost:5001 sentiment-serve": "as the line above",
    "sentiment-serve new-key shop --scope predict --scope feedback": "another key each time; "
    "packages/sentiment-serve/tests/test_access.py",
    "pip install sentiment-serve": "nox -s build installs the wheel",
    "sentiment-cli quickstart": "shown in the root README, and compared there",
    "sentiment-cli train --champion": "packages/sentiment-cli/tests/test_commands.py",
    "sentiment-cli train --challenger": "packages/sentiment-cli/tests/test_commands.py",
    "sentiment-cli doctor": "packages/sentiment-cli/tests/test_commands.py",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The folder of somebody who has typed the first command; and what it printed."""
    folder = tmp_path_factory.mktemp("project")
    copy_choices(folder)
    return folder, run("sentiment-cli quickstart", folder)


@pytest.fixture(scope="module")
def api(project):
    """The API of that folder, on a port of its own."""
    folder, _ = project
    with serving(folder, folder.parent / "api.log") as process:
        yield process.url


def is_quickstart(line):
    return line.endswith("quickstart")


@pytest.mark.parametrize("command", SHOWN, ids=lambda command: f"{command.file}: {command.line}")
def test_the_output_is_what_is_printed(command, project, request):
    folder, quickstart = project
    if is_quickstart(command.line):
        printed = quickstart
    elif "localhost:8000" in command.line:
        url = request.getfixturevalue("api")
        printed = run(command.line.replace("localhost:8000", url.removeprefix("http://")), folder)
    else:
        printed = run(command.line, folder)
    assert normalise(printed) == normalise(command.output)


def test_every_other_command_is_run_elsewhere_or_says_why_not():
    silent = {command.line for command in COMMANDS if not command.output}
    assert silent - set(ELSEWHERE) == set()


def test_blocks_are_read_as_written(tmp_path):
    file = tmp_path / "README.md"
    file.write_text(
        "```console\n$ a   # why\n$ b\none\n```\nprose\n```text\ntwo 12 s\n```\n", "utf-8"
    )
    first, second = commands(file)
    assert (first.line, first.output) == ("a", "")
    assert (second.line, second.output) == ("b", "one\ntwo 12 s\n")
    assert normalise(second.output) == normalise("one\ntwo 9 s")
    assert normalise("0.88") != normalise("0.89")
    assert normalise("0.97021133") == normalise("0.97021134") != normalise("0.97031133")
