"""What stands in the manifest of a backup."""

import re
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

FORMAT_VERSION: Final = 1

Digest = Annotated[str, StringConstraints(pattern=re.compile(r"^[0-9a-f]{64}\Z"))]
Size = Annotated[int, Field(ge=0)]
# A name becomes part of a path and of a statement in SQL.
DatabaseName = Annotated[str, StringConstraints(pattern=re.compile(r"^[a-z][a-z0-9_]{0,49}\Z"))]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SavedObject(_Entry):
    """An object of a bucket; its content lies under its SHA-256, whatever its key is."""

    key: str
    size: Size
    sha256: Digest


class SavedBucket(_Entry):
    """A bucket, which may be empty."""

    name: str
    objects: list[SavedObject]


class SavedDatabase(_Entry):
    """A dump that `pg_restore --list` could read when it was made."""

    name: DatabaseName
    size: Size
    sha256: Digest


class Manifest(_Entry):
    """All that a backup holds; what is not named here is no part of it."""

    format_version: Literal[1] = FORMAT_VERSION
    tool_version: str
    made_at: Annotated[datetime, Field(strict=False)]
    postgres_major: int | None
    """Version of the programs that made the dumps; older ones cannot read them."""
    databases: list[SavedDatabase]
    buckets: list[SavedBucket]

    @property
    def object_count(self) -> int:
        """How many objects all buckets have."""
        return sum(len(bucket.objects) for bucket in self.buckets)

    @property
    def size(self) -> int:
        """Bytes of all dumps and objects."""
        objects = (item.size for bucket in self.buckets for item in bucket.objects)
        return sum(objects) + sum(database.size for database in self.databases)
