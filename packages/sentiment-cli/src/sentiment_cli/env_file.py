"""Writes variables into a ``.env`` file: each stands there once, however often it is written."""

import re
from collections.abc import Mapping
from pathlib import Path

from sentiment_core.atomic_files import write_atomically


def update_env_file(path: Path, variables: Mapping[str, str]) -> None:
    """Set variables in a file, each once; its other lines stay as they are.

    The file may be missing. A new one is readable to its owner alone: there are keys in it.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    left = dict(variables)
    lines = []
    for line in text.splitlines():
        match = re.match(r"\s*(?:export\s+)?(\w+)\s*=", line)
        name = match[1] if match else None
        if name in left:
            lines.append(f"{name}={left.pop(name)}")
        elif name not in variables:
            lines.append(line)
    lines += [f"{name}={value}" for name, value in left.items()]
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    # A link stays a link: what it leads to is written.
    write_atomically(path.resolve(), ("\n".join(lines) + "\n").encode(), mode=mode)
