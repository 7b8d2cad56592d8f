"""Shows how long the modules of each package are: ``python -m tools.module_sizes``."""

from pathlib import Path
from statistics import median

from tools.workspace import Workspace

_LONGEST = 3


def module_sizes(workspace: Workspace, package: str) -> dict[str, int]:
    """Count the lines of a package's modules, the longest first."""
    source = workspace.folder(package) / "src"
    sizes = {
        str(path.relative_to(source)): len(path.read_text(encoding="utf-8").splitlines())
        for path in source.rglob("*.py")
    }
    return dict(sorted(sizes.items(), key=lambda item: -item[1]))


def main() -> None:
    workspace = Workspace(Path.cwd())
    for package in workspace.packages:
        sizes = module_sizes(workspace, package)
        print(f"{package}: {len(sizes)} modules, median {median(sizes.values()):.0f} lines")
        for name in list(sizes)[:_LONGEST]:
            print(f"  {sizes[name]:4}  {name}")


if __name__ == "__main__":
    main()
