"""Rules that hold for all packages."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import grimp
import pytest
import yaml

from sentiment_core.params import load_params

ROOT = Path(__file__).parents[2]
PACKAGES = sorted((ROOT / "packages").iterdir())
PROJECTS = {
    path.name: tomllib.loads((path / "pyproject.toml").read_text())["project"] for path in PACKAGES
}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_every_package_has_the_same_parts(package):
    module = package / "src" / package.name.replace("-", "_")
    for part in ("README.md", "CHANGELOG.md", "pyproject.toml", "tests"):
        assert (package / part).exists(), part
    assert (module / "py.typed").exists()
    assert (module / "__init__.py").exists()


@pytest.mark.parametrize("name", PROJECTS)
def test_siblings_are_pinned_to_the_version_in_the_workspace(name):
    """Inside the workspace uv ignores these pins, so a wrong one would ship in silence."""
    project = PROJECTS[name]
    extras = project.get("optional-dependencies", {}).values()
    for requirement in [*project["dependencies"], *(item for extra in extras for item in extra)]:
        sibling = re.match(r"sentiment-\w+", requirement)
        if sibling and "==" in requirement:
            assert requirement.endswith(f"=={PROJECTS[sibling[0]]['version']}"), requirement
        elif sibling:
            assert requirement in extras or "[" in requirement, f"{requirement} is not pinned"


@pytest.mark.parametrize("name", PROJECTS)
def test_the_changelog_knows_the_version(name):
    changelog = (ROOT / "packages" / name / "CHANGELOG.md").read_text()
    assert f"## {PROJECTS[name]['version']}" in changelog


def names_in_the_example():
    example = (ROOT / ".env.example").read_text()
    return re.findall(r"^#?([A-Z][A-Z0-9_]*)=", example, re.MULTILINE)


def test_the_env_example_names_every_setting():
    names = set(names_in_the_example())
    for path in (ROOT / "packages").glob("*/src/*/settings.py"):
        text = path.read_text()
        prefix = re.search(r'env_prefix="(\w+)"', text)
        fields = re.findall(r"^    (\w+): [^=\n]+= Field", text, re.MULTILINE)
        assert fields, path
        expected = {f"{prefix[1] if prefix else ''}{field}".upper() for field in fields}
        assert expected - names == set(), path


@pytest.mark.parametrize("file", sorted(ROOT.glob("docker-compose*.yml")), ids=lambda p: p.name)
def test_the_env_example_names_every_variable_of_the_containers(file):
    text = re.sub(r"^\s*#.*", "", file.read_text(), flags=re.MULTILINE)
    # $$NAME is the container's own shell's.
    read = set(re.findall(r"(?<!\$)\$\{?([A-Z][A-Z0-9_]*)", text))
    assert len(read) > 5
    assert read - set(names_in_the_example()) == set()


def test_the_env_example_names_nothing_twice():
    names = names_in_the_example()
    assert sorted(names) == sorted(set(names))


def test_dvc_depends_on_folders_and_on_every_parameter_of_a_model():
    """A module that moves within its package leaves the pipeline as it is."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values()
    code = {path for stage in stages for path in stage["deps"] if path.startswith("packages/")}
    assert code
    assert [path for path in code if not (ROOT / path).is_dir()] == []
    tracked = {name for stage in stages for name in stage["params"]}
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    for section in ("promotion", "tune"):  # decide what serves and what is tried
        params.pop(section)
    for section, values in params.items():
        for name in values:
            assert tracked & {section, f"{section}.{name}"}, f"{section}.{name}"


PARAMETER_FILES = ("params.yaml", "params.imdb.yaml")


@pytest.mark.parametrize("name", PARAMETER_FILES)
def test_every_parameter_file_can_be_trained_with(name):
    assert load_params(ROOT / name).data.source == "package"  # which needs neither network nor file


def test_parameter_files_write_different_data_files():
    paths = {load_params(ROOT / name).data.path for name in PARAMETER_FILES}
    assert len(paths) == len(PARAMETER_FILES)


@pytest.mark.parametrize("name", PROJECTS)
def test_the_tools_look_at_every_package(name):
    """TOML cannot compute these lists."""
    root = tomllib.loads((ROOT / "pyproject.toml").read_text())
    module = name.replace("-", "_")
    assert root["tool"]["uv"]["sources"][name] == {"workspace": True}
    assert f"/packages/{name}/src" in root["tool"]["mypy"]["mypy_path"]
    assert module in root["tool"]["coverage"]["run"]["source_pkgs"]
    contracts = root["tool"]["importlinter"]
    assert module in contracts["root_packages"]
    (acyclic,) = (c for c in contracts["contracts"] if c["type"] == "acyclic_siblings")
    assert module in acyclic["ancestors"]


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_the_files_that_a_page_names_are_there(name):
    """By their path from the root, or from anywhere within a package's source."""
    named = set(re.findall(r"`([\w./-]+(?:\.(?:py|ya?ml|md)|/))`", (ROOT / name).read_text()))
    assert len(named) > 10
    packages = [path / "src" / path.name.replace("-", "_") for path in PACKAGES]

    def exists(path):
        return (ROOT / path).exists() or any(
            next(package.parent.glob(path), None) or next(package.glob(f"**/{path}"), None)
            for package in packages
        )

    assert sorted(path for path in named if not exists(path)) == []


DVC_STAGES = {
    "prepare_data": "sentiment_train.data.prepare",
    "train": "sentiment_train.flows.training",
}
# They carry what a stage makes elsewhere, or say where things are: no output depends on them.
WITHOUT_EFFECT = tuple(
    f"sentiment_train.{name}"
    for name in ("registry", "running", "settings", "results", "progress", "http_errors", "cluster",
                 "liveness", "request")
)  # fmt: skip


@pytest.mark.parametrize("stage", DVC_STAGES)
def test_a_stage_of_dvc_depends_on_all_code_that_makes_its_outputs(stage):
    graph = grimp.build_graph("sentiment_core", "sentiment_train", cache_dir=None)
    entry = DVC_STAGES[stage]
    modules = graph.find_upstream_modules(entry) | {entry}
    folders = [
        dep.partition("/src/")[2].replace("/", ".")
        for dep in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"][stage]["deps"]
        if dep.startswith("packages/")
    ]
    watched = {module for module in modules if module.startswith(tuple(folders))}
    rest = {module for module in modules - watched if not module.startswith(WITHOUT_EFFECT)}
    assert rest - {"sentiment_train", "sentiment_core"} == set()
    assert all(any(module.startswith(folder) for module in watched) for folder in folders)


def test_another_rule_of_promotion_trains_nothing_again():
    params = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["train"]["params"]
    assert not [name for name in params if name.startswith("promotion")]


@pytest.mark.timeout(300)
def test_an_installation_follows_the_source(tmp_path):
    """uv keeps the packages that it has built, and would install a former state of the code."""
    for name in ("pyproject.toml", "uv.lock", "packages"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    source = tmp_path / "packages/sentiment-core/src/sentiment_core"
    (source / "data").mkdir()
    environment = os.environ | {
        "UV_PROJECT_ENVIRONMENT": str(tmp_path / "venv"), "UV_COMPILE_BYTECODE": "0",
    }  # fmt: skip
    command = ["uv", "sync", "-q", "--locked", "--no-editable", "--package", "sentiment-core"]
    for content in ("first", "second"):
        (source / "added.py").write_text(f"CONTENT = {content!r}\n")
        (source / "data/added.txt").write_text(content)
        subprocess.run(command, cwd=tmp_path, env=environment, check=True)
        (installed,) = tmp_path.glob("venv/lib/*/site-packages/sentiment_core")
        assert content in (installed / "added.py").read_text()
        assert (installed / "data/added.txt").read_text() == content
