"""The root of the command line. Heavy libraries are imported inside the commands."""

from collections.abc import Callable
from typing import Annotated, Final

import typer

from sentiment_cli.commands import (
    backup,
    clean,
    data,
    doctor,
    evaluate,
    predict,
    predict_batch,
    registry,
    reproduce,
    secrets,
    stack,
    storage,
    train,
    tune,
)
from sentiment_cli.exits import PlainErrorsGroup

app = typer.Typer(
    cls=PlainErrorsGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"sentiment-cli {version('sentiment-cli')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Train, register, promote and inspect the sentiment classifier.

    Start with [bold]sentiment-cli quickstart[/]. Everything lives under .sentiment/ unless
    MLFLOW_TRACKING_URI and PREFECT_API_URL name servers. Every command takes --json.
    """


_COMMANDS: Final[list[tuple[str, str, Callable[..., None], str]]] = [
    ("Train", "quickstart", train.quickstart, "sentiment-cli quickstart"),
    (
        "Train",
        "prepare-data",
        data.prepare_data,
        "sentiment-cli prepare-data --source csv --input mine.csv --output data/mine.csv",
    ),
    ("Train", "train", train.train, "sentiment-cli train --champion --samples 5000"),
    ("Train", "tune", tune.tune, "sentiment-cli tune --trials 100"),
    ("Use", "predict", predict.predict, "sentiment-cli predict 'A fine film' --explain"),
    (
        "Use",
        "predict-batch",
        predict_batch.predict_batch,
        "sentiment-cli predict-batch reviews.csv labelled.csv",
    ),
    ("Models", "model-info", registry.model_info, "sentiment-cli model-info champion"),
    ("Models", "list-versions", registry.list_versions, "sentiment-cli list-versions --json"),
    ("Models", "compare", registry.compare, "sentiment-cli compare champion 7"),
    (
        "Models",
        "evaluate",
        evaluate.evaluate,
        "sentiment-cli evaluate --data-path mine.csv --model challenger --against champion",
    ),
    ("Models", "reproduce", reproduce.reproduce, "sentiment-cli reproduce 7 --verify"),
    (
        "Models",
        "set-alias",
        registry.set_alias,
        "sentiment-cli set-alias --version 7 --alias champion",
    ),
    (
        "Models",
        "delete-alias",
        registry.delete_alias,
        "sentiment-cli delete-alias --alias challenger",
    ),
    ("Models", "rollback", registry.rollback, "sentiment-cli rollback"),
    (
        "Models",
        "export-champion",
        registry.export_champion,
        "sentiment-cli export-champion --to s3://models",
    ),
    ("Operate", "doctor", doctor.doctor, "sentiment-cli doctor"),
    ("Operate", "init-storage", storage.init_storage, "sentiment-cli init-storage --timeout 10"),
    ("Operate", "init-registry", storage.init_registry, "sentiment-cli init-registry"),
    ("Operate", "clean", clean.clean, "sentiment-cli clean --dry-run"),
    (
        "Operate",
        "backup-storage",
        storage.backup_storage,
        "sentiment-cli backup-storage backups/buckets",
    ),
    (
        "Operate",
        "restore-storage",
        storage.restore_storage,
        "sentiment-cli restore-storage backups/buckets --yes",
    ),
]
"""Panel of the help, name, function, and an example of how it is used."""

for _panel, _name, _function, _example in _COMMANDS:
    app.command(_name, rich_help_panel=_panel, epilog=f"Example: {_example}")(_function)
app.add_typer(backup.app, name="backup", rich_help_panel="Operate")
app.add_typer(secrets.app, name="secrets", rich_help_panel="Operate")
app.add_typer(stack.app, name="stack", rich_help_panel="Operate")
