"""The file that a command trains on, read before anything else is done."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from sentiment_core.params import Params
    from sentiment_train.data.training_data import TrainingData
    from sentiment_train.settings import TrainSettings


def read_training_file(
    settings: "TrainSettings", params: "Params", data_path: Path | None
) -> "TrainingData":
    """Make the file if it has to be made, say what is unexpected of it, and read it.

    `data_path` is the user's own file; None takes that of the parameters.

    Raises
    ------
    DataError
        If it cannot be made or read.
    """
    from sentiment_train.data.training_data import read_training_data

    return read_training_data(_provide(settings, params, data_path), params)


def check_training_file(
    settings: "TrainSettings", params: "Params", data_path: Path | None
) -> None:
    """Do what `read_training_file` does, only to say at once what is wrong with the file."""
    from sentiment_train.data.training_data import check_data_file

    check_data_file(_provide(settings, params, data_path), params)


def _provide(settings: "TrainSettings", params: "Params", data_path: Path | None) -> Path:
    from sentiment_train.data.training_data import provide_data_file

    def print_note(note: str) -> None:
        typer.echo(f"Note: {note}", err=True)

    return provide_data_file(params, data_path, settings, print_note)
