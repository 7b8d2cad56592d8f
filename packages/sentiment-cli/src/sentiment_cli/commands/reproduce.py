"""`reproduce`: how a version was made, and whether it can be made again."""

from pathlib import Path
from typing import Annotated

import typer

from sentiment_cli.commands.registry import open_registry
from sentiment_cli.exits import ExitCode
from sentiment_cli.options import JsonOption, ModelArgument, ModelNameOption
from sentiment_cli.output import print_json
from sentiment_cli.progress import progress


def reproduce(
    model: ModelArgument,
    verify: Annotated[
        bool, typer.Option("--verify", help="Train it again in a temporary clone, and compare.")
    ] = False,
    output_params: Annotated[
        Path | None, typer.Option(help="Write the version's parameters to this file.")
    ] = None,
    model_name: ModelNameOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the commands that make a version again; nothing here is changed by it."""
    from sentiment_cli import reproduction
    from sentiment_cli.settings import read_settings
    from sentiment_core.store_settings import StoreSettings

    registry = open_registry(model_name)
    store = read_settings(StoreSettings)
    recipe = reproduction.find_recipe(registry, registry.resolve(model), Path.cwd(), store)
    if output_params:
        output_params.write_text(reproduction.params_as_yaml(recipe), encoding="utf-8")
    verification = None
    if verify:
        with progress("Reproducing") as show_step:
            verification = reproduction.verify(recipe, Path.cwd(), show_step)
    if as_json:
        print_json({"recipe": recipe, "verification": verification})
    else:
        for command in recipe.commands:
            typer.echo(command)
        for note in recipe.notes:
            typer.echo(note, err=True)
        if recipe.dirty:
            typer.echo("The commit is not all: there were uncommitted changes.", err=True)
        if verification:
            same = "identical" if verification.identical else "NOT identical"
            typer.echo(f"{same}: {verification.actual_digest} (was {recipe.scorer_digest})")
    if verification and not verification.identical:
        raise typer.Exit(ExitCode.ERROR)
