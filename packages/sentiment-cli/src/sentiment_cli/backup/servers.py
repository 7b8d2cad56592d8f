"""The servers that a backup is of, or that it is restored to."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sentiment_core.errors import NotReadyError
from sentiment_core.store_settings import StoreSettings

if TYPE_CHECKING:
    from sentiment_cli.backup.databases import DatabaseServer


@dataclass(frozen=True)
class Servers:
    """An S3 store, and a database server where databases are wanted too."""

    store: StoreSettings
    databases: "DatabaseServer | None" = None

    def required_databases(self) -> "DatabaseServer":
        """Return the database server.

        Raises
        ------
        NotReadyError
            If there is none.
        """
        if self.databases is None:
            raise NotReadyError("There is no database server: set PGHOST to its address.")
        return self.databases
