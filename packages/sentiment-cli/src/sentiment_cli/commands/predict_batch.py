"""`predict-batch`: label files of any size."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sentiment_cli.batch.output import REFUSED
from sentiment_cli.interruption import interruption
from sentiment_cli.options import JsonOption, ModelNameOption
from sentiment_cli.output import print_json
from sentiment_cli.progress import progress
from sentiment_core.registry_names import CHAMPION

if TYPE_CHECKING:
    from sentiment_cli.batch.file_run import Options
    from sentiment_cli.batch.journal import Progress
    from sentiment_cli.batch.places import Input, Target
    from sentiment_cli.batch.processes import Labeller
    from sentiment_cli.registered_model import Model

_HOUR: Final = 3600


def predict_batch(
    source: Annotated[
        str, typer.Argument(metavar="IN", help="File or folder, also s3://bucket/folder.")
    ],
    target: Annotated[
        str, typer.Argument(metavar="OUT", help="File or folder, also s3://bucket/folder.")
    ],
    text_column: Annotated[str, typer.Option(help="Column of the texts.")] = "text",
    prefix: Annotated[
        str, typer.Option(help="Before the names of the new columns, such as model_.")
    ] = "",
    explain: Annotated[
        int, typer.Option(min=0, help="Also the terms that count most in each text: how many.")
    ] = 0,
    model: Annotated[str, typer.Option(help="Version or alias.")] = CHAMPION,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes. (default: one for each core)")
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Label on the workers of this Dask scheduler, such as tcp://host:8786. "
            "(default: SENTIMENT_DASK, or none)",
        ),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin anew, whatever an earlier command has done.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an output that is there.")
    ] = False,
    model_name: ModelNameOption = None,
    as_json: JsonOption = False,
) -> None:
    """Label all texts of a file, or of each file of a folder, however large.

    The rows keep their order and all of their columns; new ones are sentiment, confidence and
    low_information. Files are CSV (any separator), JSON lines or Parquet, the first two also .gz
    and .zst; the ending of OUT says what is written.

    Rows that cannot be scored are left out and stand in OUT.refused.jsonl, with the reason; which
    version was used, and how many rows there were, stands in OUT.run.json.

    After Ctrl-C or a crash the same command goes on where it stopped; no row is lost or doubled. A
    file that is done is not done again.

    [bold]Examples[/]

    sentiment-cli predict-batch reviews.csv labelled.csv

    sentiment-cli predict-batch reviews.parquet labelled.parquet --text-column review --explain 3

    sentiment-cli predict-batch s3://data/reviews s3://data/labelled --dask tcp://scheduler:8786
    """
    from sentiment_cli.batch.file_run import Options
    from sentiment_cli.batch.places import pair
    from sentiment_cli.registered_model import load_model_elsewhere
    from sentiment_cli.settings import configure
    from sentiment_core.store_settings import StoreSettings

    settings = configure()
    work = settings.home / "batch"
    interruption.end_soon(lambda: "The same command goes on where it stopped.")
    pairs = pair(source, target, StoreSettings(), work)
    options = Options(text_column, prefix, explain, restart, overwrite)
    with progress("Fetching the model"):
        fetched = load_model_elsewhere(model_name, model)
    results = _label(
        pairs,
        fetched,
        options,
        work,
        dask=dask or settings.sentiment_dask,
        jobs=jobs or os.cpu_count() or 1,
    )
    if as_json:
        print_json([{"output": to.address, **_summary(result)}
                    for (_, to), result in zip(pairs, results, strict=True)])  # fmt: skip
        return
    for (_, to), result in zip(pairs, results, strict=True):
        _print(to.address, result)


def _label(
    pairs: "Sequence[tuple[Input, Target]]", model: "Model", options: "Options", work: Path,
    *, dask: str | None, jobs: int,
) -> "list[Progress]":  # fmt: skip
    from sentiment_cli.batch.processes import labeller

    if dask is None:
        with labeller(model.scorer, jobs) as processes:
            return _label_here(pairs, model, processes, options, work)
    from sentiment_cli.batch.cluster import ClusterLabeller, in_stores, label_stored
    from sentiment_train.cluster import connect

    with connect(dask) as cluster:
        if not in_stores(pairs):
            return _label_here(pairs, model, ClusterLabeller(cluster, model), options, work)
        results: list[Progress] = []
        with progress(f"Labelling on {dask}") as show:
            for result in label_stored(cluster, pairs, model, options):
                results.append(result)
                rows = sum(result.n_rows for result in results)
                show(f"{len(results)} of {len(pairs)} files, {rows:,} rows")
        return results


def _label_here(
    pairs: "Sequence[tuple[Input, Target]]", model: "Model", labeller: "Labeller",
    options: "Options", work: Path,
) -> "list[Progress]":  # fmt: skip
    from sentiment_cli.batch.run import label_input

    results = []
    for found, to in pairs:
        with progress(f"Labelling {found.name}") as show:
            watch = _speedometer(show)
            results.append(label_input(found, to, model, labeller, options, watch, work))
    return results


def _speedometer(show: Callable[[str], None]) -> Callable[[int, int, float], None]:
    """Show rows, share, rows a second and the time that is left."""
    begin, at_begin = time.monotonic(), [-1.0]

    def watch(rows: int, new_rows: int, fraction: float) -> None:
        if at_begin[0] < 0:
            at_begin[0] = fraction * (rows - new_rows) / rows if rows else 0.0
        seconds = max(time.monotonic() - begin, 1e-3)
        done = max(fraction - at_begin[0], 1e-9)
        left = seconds * (1 - fraction) / done
        show(
            f"{rows:,} rows ({fraction:.0%}), {new_rows / seconds:,.0f} a second, "
            f"{_duration(left)} left"
        )

    return watch


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    if seconds >= _HOUR:
        return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
    return f"{minutes}:{rest:02d}"


def _summary(result: "Progress") -> dict[str, object]:
    return {
        "model_version": result.task.model_version,
        "n_rows": result.n_rows,
        "n_refused": result.n_refused,
        "n_positive": result.n_positive,
        "n_low_information": result.n_low_information,
    }


def _print(address: str, result: "Progress") -> None:
    labelled = result.n_rows - result.n_refused
    share = f" ({result.n_positive / labelled:.1%} positive)" if labelled else ""
    typer.echo(f"{address}: {labelled:,} rows{share}, version {result.task.model_version}")
    if result.n_refused:
        typer.echo(f"{result.n_refused:,} rows were refused: {address}{REFUSED} says why", err=True)
