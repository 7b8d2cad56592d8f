"""Goes back to the champion before, where the command line is installed beside the API.

An API that stands alone, as in its image, may only read the registry.
"""

import asyncio
from importlib.util import find_spec
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from sentiment_core.errors import ConflictError, RunError, UnreachableError
from sentiment_serve.model.command import run_module
from sentiment_serve.settings import ServeSettings

_COMMAND_LINE: Final = "sentiment_cli"
_TIMEOUT_SECONDS: Final = 90.0
_WAIT_SECONDS: Final = "20"
"""For a promotion that goes on; then the command says so, and is not killed."""
_UNREACHABLE: Final = 3
_ERROR: Final = "Error: "


class RolledBack(BaseModel):
    """What `sentiment-cli rollback` says of it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    former: str | None
    champion: str
    passed_over: list[str]


class Rollback:
    """Has the command line do it: it knows the lease, the history and the exported pointer.

    Parameters
    ----------
    settings : ServeSettings
        Name the registry and the model.
    """

    def __init__(self, settings: ServeSettings) -> None:
        self._settings = settings
        self._one_at_a_time = asyncio.Lock()

    @property
    def is_possible(self) -> bool:
        """Whether there is a registry, and the command line."""
        return self._settings.pointer_folder is None and find_spec(_COMMAND_LINE) is not None

    async def run(self, only_from: str) -> RolledBack:
        """Go back from a version to the champion before it.

        Raises
        ------
        ConflictError
            If another version is the champion, there is no earlier one, or this cannot be done
            here.
        UnreachableError
            If the registry does not answer.
        """
        if not self.is_possible:
            raise ConflictError(
                "This API may only read: give the command `sentiment-cli rollback` where training "
                "runs."
            )
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._run, only_from)

    def _run(self, only_from: str) -> RolledBack:
        settings = self._settings
        result = run_module(
            _COMMAND_LINE, "rollback", f"--only-from={only_from}",
            f"--model-name={settings.registered_model}", "--json",
            timeout_seconds=_TIMEOUT_SECONDS,
            MLFLOW_TRACKING_URI=settings.tracking_uri, SENTIMENT_HOME=str(settings.home),
            PROMOTION_WAIT_SECONDS=_WAIT_SECONDS,
        )  # fmt: skip
        if result.returncode:
            said = [line for line in result.stderr.splitlines() if line.startswith(_ERROR)]
            error = UnreachableError if result.returncode == _UNREACHABLE else ConflictError
            raise error(said[-1].removeprefix(_ERROR) if said else "The rollback failed.")
        try:
            return RolledBack.model_validate_json(result.stdout)
        except ValidationError as error:
            raise RunError(f"`sentiment-cli rollback` answers {result.stdout[:200]!r}.") from error
