"""The root of the command line. Heavy libraries are imported inside the commands."""

from typing import Annotated

import typer

from sentiment_cli.commands import (
    data,
    doctor,
    predict,
    registry,
    reproduce,
    stack,
    storage,
    train,
)
from sentiment_cli.exits import PlainErrorsGroup

app = typer.Typer(
    cls=PlainErrorsGroup,
    no_args_is_help=True,
    add_completion=False,
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


app.command("quickstart", rich_help_panel="Train")(train.quickstart)
app.command("prepare-data", rich_help_panel="Train")(data.prepare_data)
app.command("train", rich_help_panel="Train")(train.train)
app.command("predict", rich_help_panel="Use")(predict.predict)
app.command("model-info", rich_help_panel="Models")(registry.model_info)
app.command("list-versions", rich_help_panel="Models")(registry.list_versions)
app.command("compare", rich_help_panel="Models")(registry.compare)
app.command("reproduce", rich_help_panel="Models")(reproduce.reproduce)
app.command("set-alias", rich_help_panel="Models")(registry.set_alias)
app.command("delete-alias", rich_help_panel="Models")(registry.delete_alias)
app.command("rollback", rich_help_panel="Models")(registry.rollback)
app.command("export-champion", rich_help_panel="Models")(registry.export_champion)
app.command("doctor", rich_help_panel="Operate")(doctor.doctor)
app.command("init-storage", rich_help_panel="Operate")(storage.init_storage)
app.command("backup-storage", rich_help_panel="Operate")(storage.backup_storage)
app.command("restore-storage", rich_help_panel="Operate")(storage.restore_storage)
app.add_typer(stack.app, name="stack", rich_help_panel="Operate")
