"""`tune`: search for better parameters."""

import os
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentiment_cli.interruption import interruption
from sentiment_cli.options import DEFAULT_PARAMS, JsonOption, ParamsOption
from sentiment_cli.output import print_json
from sentiment_cli.progress import progress
from sentiment_cli.training_file import read_training_file
from sentiment_core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sentiment_core.params import Params
    from sentiment_train.data.split import Split
    from sentiment_train.model.tuning import Search
    from sentiment_train.results import FinishedTrial
    from sentiment_train.settings import TrainSettings


def tune(
    trials: Annotated[
        int, typer.Option(min=1, help="Parameters to try, those of an earlier call among them.")
    ] = 40,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Processes, without a cluster. (default: one for each core)"),
    ] = None,
    data_path: Annotated[
        Path | None, typer.Option(help="Your own file, taken as it is. (default: data.path)")
    ] = None,
    output: Annotated[Path, typer.Option(help="Where the best parameters go.")] = Path(
        "params.tuned.yaml"
    ),
    params_path: ParamsOption = DEFAULT_PARAMS,
    as_json: JsonOption = False,
) -> None:
    """Search for better parameters by cross-validation, in the ranges of params.yaml (tune).

    Only training rows are looked at: the held-out ones judge the model that is trained afterwards.
    It begins with the parameters that are there. Ctrl-C ends it; the same command goes on where it
    stopped, also with more trials. Each trial is a run in MLflow. SENTIMENT_DASK names workers
    of a cluster that do the work.
    """
    from sentiment_cli.settings import configure
    from sentiment_core.params import load_params
    from sentiment_train.running.environment import configure_runtime

    configure()
    settings = configure_runtime()
    params = load_params(params_path)
    search, name = _open_search(settings, params, data_path)
    interruption.end_soon(lambda: "The same command goes on where it stopped.")
    _run(settings, params, search, name, trials=trials, jobs=jobs or os.cpu_count() or 1)
    best, start = search.best(), search.start()
    if best is None:
        raise DataError(
            "No parameters in tune.ranges left a vocabulary: lower vectorizer.min_df there."
        )
    tuned = params.with_values(best.values)
    _write(output, tuned)
    flat, tuned_flat = params.flat(), tuned.flat()
    changed = {key: (flat[key], value) for key, value in tuned_flat.items() if value != flat[key]}
    if as_json:
        print_json({"trials": trials, "log_loss": best.log_loss, "parameters": best.values,
                    "start": start.log_loss if start else None, "output": output})  # fmt: skip
    else:
        _print(output, best, start, changed)


def _open_search(
    settings: "TrainSettings", params: "Params", data_path: Path | None
) -> "tuple[Search, str]":
    import hashlib
    import json

    try:
        from sentiment_train.model.tuning import Search
    except ImportError as error:
        raise DataError(
            "The search needs Optuna: install sentiment-train[tune], or run `./sentiment tune`."
        ) from error
    split, md5 = _read(settings, params, data_path)
    # Another file, split, range or start is another search.
    key = json.dumps([md5, params.model_dump(mode="json")], sort_keys=True)
    name = hashlib.sha256(key.encode()).hexdigest()[:12]
    return Search(settings.home / "tuning" / "journal.log", name, split.train, params), name


def _read(
    settings: "TrainSettings", params: "Params", data_path: Path | None
) -> "tuple[Split, str]":
    from sentiment_train.data.split import split_dataset

    with progress("Reading the reviews"):
        data = read_training_file(settings, params, data_path)
    split = split_dataset(
        data.frame, data.fingerprints, test_size=params.data.test_size, seed=params.data.seed
    )
    return split, data.md5


def _run(
    settings: "TrainSettings", params: "Params", search: "Search", name: str,
    *, trials: int, jobs: int,
) -> None:  # fmt: skip
    from sentiment_train.registry.tuning_log import tuning_log

    with (
        progress("Tuning") as show,
        tuning_log(settings, params, name) as log,
        _searching(settings.sentiment_dask, search, trials, jobs, show) as found,
    ):
        for trial in found:
            log.add(trial)
            best = search.best()
            loss = f", best log loss {best.log_loss:.4f}" if best else ""
            show(f"{search.n_finished} of {trials} trials{loss}")
        best = search.best()
        if best:
            log.finish(best)


@contextmanager
def _searching(
    cluster: str | None, search: "Search", trials: int, jobs: int, show: "Callable[[str], None]"
) -> "Iterator[Iterator[FinishedTrial]]":
    from sentiment_train.cluster import LOCAL, connect

    if cluster is None or cluster == LOCAL:  # its own processes have all of the memory
        show(f"starting {jobs} processes")
        yield search.run(trials, jobs)
        return
    show(f"connecting to {cluster}")
    with connect(cluster) as connected, closing(search.run_on(connected, trials)) as found:
        yield found


def _write(output: Path, params: "Params") -> None:
    import yaml

    from sentiment_core.atomic_files import write_atomically

    text = yaml.safe_dump(params.model_dump(mode="json"), sort_keys=False)
    write_atomically(output, text.encode())


def _print(
    output: Path,
    best: "FinishedTrial",
    start: "FinishedTrial | None",
    changed: dict[str, tuple[Any, Any]],
) -> None:
    before = f" ({start.log_loss:.4f} with the parameters now)" if start and start.log_loss else ""
    typer.echo(f"Best cross-validated log loss: {best.log_loss:.4f}{before}")
    for name, (old, new) in changed.items():
        typer.echo(f"  {name}: {old} -> {new}")
    if not changed:
        typer.echo("Nothing better was found than the parameters that are there.")
    typer.echo(f"Wrote {output}: sentiment-cli train --champion --params {output}")
