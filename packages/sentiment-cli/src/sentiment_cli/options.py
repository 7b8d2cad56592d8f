"""Options that several commands have, each said once."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sentiment_core.params import ColumnParams

DEFAULT_PARAMS = Path("params.yaml")

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON value for scripts.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")]
ParamsOption = Annotated[Path, typer.Option("--params", help="Parameter file.")]
ModelNameOption = Annotated[
    str | None, typer.Option("--model-name", help="Registered model. [default: $MODEL_NAME]")
]
AliasOption = Annotated[str, typer.Option("--alias", help="For example champion.")]
ModelArgument = Annotated[str, typer.Argument(help="Version or alias.")]

_COLUMNS = "Your own file"
TextColumnOption = Annotated[
    str | None,
    typer.Option(help="Column of the texts. (default: text)", rich_help_panel=_COLUMNS),
]
LabelColumnOption = Annotated[
    str | None,
    typer.Option(help="Column of the labels. (default: label)", rich_help_panel=_COLUMNS),
]
PositiveOption = Annotated[
    str | None,
    typer.Option(
        help="Labels that mean positive, such as pos,5. (default: 1)", rich_help_panel=_COLUMNS
    ),
]
NegativeOption = Annotated[
    str | None,
    typer.Option(
        help="Labels that mean negative, such as neg,1. (default: 0)", rich_help_panel=_COLUMNS
    ),
]
NeutralOption = Annotated[
    str | None,
    typer.Option(
        help="Labels that mean neither, such as 3: these reviews are left out.",
        rich_help_panel=_COLUMNS,
    ),
]


def read_columns(
    default: "ColumnParams | None",
    *,
    text: str | None,
    label: str | None,
    positive: str | None,
    negative: str | None,
    neutral: str | None,
) -> "ColumnParams | None":
    """Replace what options name in the columns of a file.

    Raises
    ------
    typer.BadParameter
        If a label means two things.
    """
    from pydantic import ValidationError

    from sentiment_core.params import ColumnParams

    given: dict[str, object] = {"text": text, "label": label}
    for name, labels in (("positive", positive), ("negative", negative), ("neutral", neutral)):
        given[name] = labels and tuple(part.strip() for part in labels.split(","))
    given = {name: value for name, value in given.items() if value}
    if not given:
        return default
    try:
        return ColumnParams.model_validate((default.model_dump() if default else {}) | given)
    except ValidationError as error:
        raise typer.BadParameter(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
