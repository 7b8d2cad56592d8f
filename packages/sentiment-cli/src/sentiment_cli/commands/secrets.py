"""Commands on the secrets of a production host."""

from pathlib import Path
from typing import Annotated

import typer

from sentiment_cli.options import JsonOption
from sentiment_cli.output import print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Prepare and show the secrets of a production host.")

FolderOption = Annotated[
    Path, typer.Option("--folder", help="Folder of all secrets, and of each service's own.")
]
DEFAULT_FOLDER = Path("/secrets")


@app.command("init", epilog="Example: sentiment-cli secrets init --folder /secrets")
def init(folder: FolderOption = DEFAULT_FOLDER, as_json: JsonOption = False) -> None:
    """Write each service's secrets as files; those that are not given are generated once.

    A secret is given by its variable (POSTGRES_PASSWORD) or by a file that POSTGRES_PASSWORD_FILE
    names, which may have mode 0600. Repeating it changes only what is given anew.
    """
    from sentiment_cli.deployment.catalogue import DeploymentSecrets
    from sentiment_cli.deployment.secret_files import prepare_secrets
    from sentiment_cli.settings import read_settings

    prepared = prepare_secrets(folder, read_settings(DeploymentSecrets))
    if as_json:
        print_json(prepared)
        return
    rows = [[item.name, item.origin, ", ".join(item.services)] for item in prepared]
    print_table(f"Secrets in {folder}", ["Secret", "Value", "Read by"], rows)


@app.command("show", epilog="Example: sentiment-cli secrets show OPERATOR_PASSWORD")
def show(
    name: Annotated[str | None, typer.Argument(help="Print this one alone.")] = None,
    folder: FolderOption = DEFAULT_FOLDER,
    as_json: JsonOption = False,
) -> None:
    """Print secrets in plain text: to whoever runs this, and into whatever records it."""
    from sentiment_cli.deployment.secret_files import read_secrets
    from sentiment_core.errors import NotFoundError
    from sentiment_core.redaction import redact

    values = read_secrets(folder)
    if name is not None:
        if name.upper() not in values:
            raise NotFoundError(f"There is no secret {name}: there are {', '.join(values)}.")
        values = {name.upper(): values[name.upper()]}
    with redact.lifted():
        if as_json:
            print_json(values)
        elif name is not None:
            typer.echo(values[name.upper()])
        else:
            for variable, value in values.items():
                typer.echo(f"{variable}={value}")
