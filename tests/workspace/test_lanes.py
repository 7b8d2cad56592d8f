"""Sessions side by side: order, output, exit code, what was skipped, and Ctrl-C."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools.lanes import file_stem

ROOT = Path(__file__).parents[2]
SESSION = """
import pathlib, subprocess, sys, time
name = sys.argv[1]
print(f"{name} begins", flush=True)
if name == "fails":
    print("the reason")
    sys.exit(1)
if name.startswith("meets"):
    pathlib.Path(name).touch()
    other = pathlib.Path("meets-2" if name == "meets-1" else "meets-1")
    while not other.exists():
        time.sleep(0.01)
if name == "skips":
    pathlib.Path(".nox/reports/skips.xml").write_text(
        '<testsuites><testsuite><testcase classname="a.b" name="test_c">'
        '<skipped message="no engine"/></testcase></testsuite></testsuites>'
    )
if name == "endless":
    try:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        pathlib.Path("started").write_text(str(child.pid))
        child.wait()
    finally:
        pathlib.Path("cleaned-up").touch()
"""


@pytest.fixture
def start(tmp_path):
    (tmp_path / "session.py").write_text(SESSION)

    def start(*sessions):
        return subprocess.Popen(
            [sys.executable, "-m", "tools.lanes", *sessions, "--command", sys.executable,
             "session.py"],
            cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    return start


def test_two_run_at_a_time_and_a_failure_is_shown_and_counts(start):
    process = start("meets-1", "meets-2", "fails", "skips")
    output, _ = process.communicate()
    assert process.returncode == 1
    before, _, after = output.partition("<<< fails FAILED")
    assert before.endswith("fails begins\nthe reason\n\n")
    assert "meets-1 is fine" in output
    assert output.splitlines()[-1] == "FAILED: fails"
    assert "Not tested: 2\n" in after
    assert "  fails, 1 tests: it ended before it could report\n    all of it\n" in after
    assert "  skips, 1 tests: no engine\n    a.b.test_c\n" in after


def test_when_all_is_fine_it_says_that_nothing_was_skipped(start):
    process = start("fine")
    output, _ = process.communicate()
    assert process.returncode == 0
    assert output.splitlines()[-2:] == [
        "Not tested: nothing was skipped",
        "All sessions are fine.",
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_all_and_lets_them_clean_up(start, tmp_path, number):
    process = start("endless", "fine", "endless-2")
    while not (tmp_path / "started").exists() or not (tmp_path / "started").read_text():
        time.sleep(0.01)
    process.send_signal(number)
    _, error = process.communicate()
    assert process.returncode == 130
    assert "Interrupted" in error
    assert (tmp_path / "cleaned-up").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "started").read_text()), 0)


@pytest.fixture(scope="module")
def noxfile():
    specification = importlib.util.spec_from_file_location("noxfile", ROOT / "noxfile.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_nox_tells_ci_which_parts_there_are(noxfile):
    """The workflow asks with these options, and makes a job of each."""
    result = subprocess.run(
        [sys.executable, "-m", "nox", "--list", "--json", "-s", "integration"], cwd=ROOT,
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    parts = [session["call_spec"]["part"] for session in json.loads(result.stdout)]
    assert parts == list(noxfile.PARTS)


def test_every_file_of_tests_is_in_one_part_of_integration(noxfile):
    """What no session runs would go untested in silence."""

    def has(arguments, file):
        ignored = [item.removeprefix("--ignore=") for item in arguments if "=" in item]
        taken = [item for item in arguments if "=" not in item]
        return any(map(file.is_relative_to, taken)) and not any(map(file.is_relative_to, ignored))

    for path in ROOT.glob("tests/**/test_*.py"):
        file = path.relative_to(ROOT)
        parts = [part for part, arguments in noxfile.PARTS.items() if has(arguments, file)]
        elsewhere = file.is_relative_to("tests/containers") or file.is_relative_to("tests/chaos")
        assert len(parts) == (not elsewhere), file
    sessions = {f"integration({part})" for part in noxfile.PARTS}
    sessions |= {f"tests({package})" for package in noxfile.PACKAGES}
    assert set(noxfile.ALL) == sessions | {"containers", "build", "typecheck", "lint", "docs"}


def test_names_of_files_are_plain():
    assert file_stem("tests(core)") == "tests-core"
