"""Options that several commands have, each said once."""

from pathlib import Path
from typing import Annotated

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON value for scripts.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")]
ParamsOption = Annotated[Path, typer.Option("--params", help="Parameter file.")]
ModelNameOption = Annotated[
    str | None, typer.Option("--model-name", help="Registered model. [default: $MODEL_NAME]")
]
AliasOption = Annotated[str, typer.Option("--alias", help="For example champion.")]
ModelArgument = Annotated[str, typer.Argument(help="Version or alias.")]

DEFAULT_PARAMS = Path("params.yaml")
