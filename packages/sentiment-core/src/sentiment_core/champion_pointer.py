"""The file ``champion.json``: names the champion where no registry is asked.

It stands in a folder or bucket beside one folder for each exported version:
``<name>/champion.json`` and ``<name>/<version>/``.
"""

import json
from dataclasses import asdict, dataclass
from typing import Final, Self

from sentiment_core.errors import ModelPackageError
from sentiment_core.json_object import parse_object, text_of

POINTER_FILE: Final = "champion.json"
_MAX_LENGTH: Final = 1 << 16


@dataclass(frozen=True)
class ChampionPointer:
    """The champion, and the folder of its package beside the pointer."""

    name: str
    version: str
    run_id: str
    package: str
    scorer_sha256: str

    def to_json(self) -> str:
        """Render the file.

        Returns
        -------
        str
            JSON, which `from_json` reads.
        """
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, content: str | bytes) -> Self:
        """Read the file.

        Parameters
        ----------
        content : str or bytes
            As written by `to_json`; unknown fields are ignored.

        Returns
        -------
        ChampionPointer
            The pointer.

        Raises
        ------
        ModelPackageError
            If the content is something else, or names a folder elsewhere.
        """
        try:
            fields = parse_object(content, max_length=_MAX_LENGTH)
            pointer = cls(**{name: text_of(fields, name) for name in cls.__dataclass_fields__})
        except ValueError as error:
            raise ModelPackageError(f"{POINTER_FILE} is malformed ({error!r}).") from error
        if not pointer.package.strip(".") or not {"/", "\0"}.isdisjoint(pointer.package):
            raise ModelPackageError(f"{POINTER_FILE} names the folder {pointer.package!r}.")
        return pointer
