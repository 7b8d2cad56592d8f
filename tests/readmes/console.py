"""Finds the commands of a Markdown file and what it says that they print."""

import re
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```(console|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What differs from run to run; everything else has to be as it is written. Of a figure's decimals
# the first four count: the last of a double depend on the processor.
_LONG_FIGURE = re.compile(r"\b\d+\.\d{5,}\b")
_DIFFERS = (
    (re.compile(r"\b[0-9a-f]{32}\b"), "<id>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|[+-]\d\d:\d\d)?"), "<time>"),
    (re.compile(r"\b\d+(\.\d+)? ?(ms|s|seconds)\b"), "<duration>"),
)


@dataclass(frozen=True)
class Command:
    """One line after a prompt, and the output below it."""

    file: str
    line: str
    output: str


def commands(path: Path) -> list[Command]:
    """Read all ``console`` blocks; a ``text`` block is more output of the command before it."""
    found: list[Command] = []
    for kind, body in _BLOCK.findall(path.read_text()):
        if kind == "text":
            last = found.pop()
            found.append(Command(last.file, last.line, last.output + body))
            continue
        for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
            line, _, output = part.partition("\n")
            found.append(Command(path.name, re.sub(r"\s+# .*", "", line).strip(), output))
    return found


def normalise(text: str) -> list[str]:
    """Replace ids, times and durations, round long figures, drop blanks at the ends of lines."""
    for pattern, name in _DIFFERS:
        text = pattern.sub(name, text)
    text = _LONG_FIGURE.sub(lambda figure: f"{float(figure[0]):.4f}", text)
    return [line.rstrip() for line in text.strip().splitlines()]
