"""`reproduce`: how a version was made, and whether it can be made again."""

from pathlib import Path
from typing import Annotated

import typer

from sentiment_cli.commands.registry import ModelNameOption, open_registry
from sentiment_cli.exits import ExitCode
from sentiment_cli.output import JsonOption, print_json
from sentiment_cli.progress import progress


def reproduce(
    model: Annotated[str, typer.Argument(help="Version or alias.")],
    verify: Annotated[
        bool, typer.Option("--verify", help="Train it again in a temporary clone, and compare.")
    ] = False,
    write_params: Annotated[
        Path | None, typer.Option(help="Write the version's parameters to this file.")
    ] = None,
    model_name: ModelNameOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the commands that make a version again; nothing here is changed by it."""
    from sentiment_cli import reproduction

    registry = open_registry(model_name)
    recipe = reproduction.find_recipe(registry, registry.resolve(model), Path.cwd())
    if write_params:
        write_params.write_text(reproduction.params_as_yaml(recipe), encoding="utf-8")
    verification = None
    if verify:
        with progress("Reproducing") as tell:
            verification = reproduction.verify(recipe, Path.cwd(), tell)
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
            typer.echo(f"{same}: {verification.actual_digest} (was {recipe.model_digest})")
    if verification and not verification.identical:
        raise typer.Exit(ExitCode.ERROR)
