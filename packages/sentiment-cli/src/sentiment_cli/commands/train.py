"""`train` and `quickstart`: the training flow from the command line."""

import json
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentiment_cli.interruption import interruption
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
from sentiment_cli.progress import progress
from sentiment_cli.training_file import check_training_file
from sentiment_cli.training_watch import TrainingWatch

if TYPE_CHECKING:
    from sentiment_core.params import Params
    from sentiment_train.request import TrainingRequest
    from sentiment_train.results import TrainingResult
    from sentiment_train.settings import TrainSettings

_RULE = "=" * 50


def train(
    champion: Annotated[
        bool, typer.Option("--champion", help="Promote the model if it beats the champion.")
    ] = False,
    challenger: Annotated[
        bool,
        typer.Option(
            "--challenger",
            help="Mark the new version as @challenger, for shadow and split serving; with "
            "--champion only if it was not promoted.",
        ),
    ] = False,
    data_path: Annotated[
        Path | None,
        typer.Option(
            help="Your own file (CSV, .jsonl, .parquet, .xlsx), taken as it is. (default: "
            "data.path, made if it is missing or was made with other parameters)"
        ),
    ] = None,
    unlabelled: Annotated[
        str | None,
        typer.Option(
            help="Learn from reviews without labels too, if that is better on the held-out rows: "
            "package, stanford, or a file or folder of texts. (default: data.unlabelled)"
        ),
    ] = None,
    text_column: TextColumnOption = None,
    label_column: LabelColumnOption = None,
    positive: PositiveOption = None,
    negative: NegativeOption = None,
    neutral: NeutralOption = None,
    params_path: ParamsOption = DEFAULT_PARAMS,
    samples: Annotated[
        int | None, typer.Option(min=20, help="Train on a balanced sample of this size instead.")
    ] = None,
    output_metrics: Annotated[
        Path | None, typer.Option(help="Also write the metrics to this JSON file.")
    ] = None,
    output_plots: Annotated[
        Path | None, typer.Option(help="Also write the curves to this folder, for `dvc plots`.")
    ] = None,
    no_register: Annotated[
        bool, typer.Option("--no-register", help="Log the run, but register no version.")
    ] = False,
    remote: Annotated[
        bool, typer.Option("--remote", help="Run on a Prefect worker (needs PREFECT_API_URL).")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a model, log it to MLflow, register it, and with --champion promote it if better.

    Without --champion and --challenger the new version gets no alias and changes nothing that
    serves. Ctrl-C ends the training in two seconds and says what remains of it.
    """
    for option, given in (("--champion", champion), ("--challenger", challenger)):
        if given and no_register:
            raise typer.BadParameter(f"{option} needs a registered version: drop --no-register.")
    if remote and output_plots:
        raise typer.BadParameter("--remote leaves the curves in MLflow: drop --output-plots.")
    if samples and data_path:
        raise typer.BadParameter("--samples makes a data file of its own: drop --data-path.")
    columns = {
        "text": text_column, "label": label_column, "positive": positive, "negative": negative,
        "neutral": neutral,
    }  # fmt: skip
    result = run_training(
        params_path,
        data_path=data_path,
        unlabelled=unlabelled,
        columns=columns,
        samples=samples,
        register=not no_register,
        promote=champion,
        challenger=challenger,
        plots=output_plots,
        remote=remote,
        quiet=as_json,
    )
    if output_metrics:
        output_metrics.parent.mkdir(parents=True, exist_ok=True)
        output_metrics.write_text(json.dumps(result.metrics, indent=2) + "\n", encoding="utf-8")
    if as_json:
        print_json(result)
    else:
        _print_result(result, champion=champion)


def quickstart(params_path: ParamsOption = DEFAULT_PARAMS, as_json: JsonOption = False) -> None:
    """Train on real reviews, promote the model and predict with it: the whole loop at once."""
    from sentiment_cli.commands.predict import predict

    train(champion=True, params_path=params_path, as_json=as_json)
    if not as_json:
        typer.echo()
        predict(["This movie is amazing!", "What a waste of time."])


def run_training(
    params_path: Path,
    *,
    data_path: Path | None = None,
    unlabelled: str | None = None,
    columns: Mapping[str, str | None] | None = None,
    samples: int | None = None,
    register: bool = True,
    promote: bool = False,
    challenger: bool = False,
    plots: Path | None = None,
    remote: bool = False,
    quiet: bool = False,
) -> "TrainingResult":
    """Run the training flow in this process, or on a worker.

    Parameters
    ----------
    data_path : Path or None
        Data file; None takes that of the parameters.
    unlabelled : str or None
        Reviews without labels; None takes those of the parameters.
    columns : mapping, optional
        What options say of the columns of the data file.
    samples : int or None
        Size of a sample to train on instead.
    plots : Path or None
        Folder for the curves of the evaluation.
    quiet : bool
        Print nothing on standard output.
    """
    from sentiment_cli.settings import configure
    from sentiment_core.params import load_params
    from sentiment_train.request import TrainingRequest

    settings = configure()
    params = load_params(params_path)
    if samples:
        params = params.with_samples(samples)
    params = _with_options(params, unlabelled, columns)
    request = TrainingRequest(
        params=params,
        data_path=data_path,
        register_model=register,
        promote=promote,
        mark_challenger=challenger,
        curves_folder=plots,
    )
    if not remote:
        # A mistake in the data is told at once, not after the start of a server.
        _check_data(settings, params, data_path, promote=promote)
    if not quiet:
        typer.echo(f"Starting training flow with data: {data_path or params.data.path}")
    if remote:
        return _train_remotely(settings, request)
    return _train_here(settings, request)


def _with_options(
    params: "Params", unlabelled: str | None, columns: Mapping[str, str | None] | None
) -> "Params":
    given: dict[str, object] = {"data.unlabelled": unlabelled} if unlabelled else {}
    if columns and any(columns.values()):
        read = read_columns(params.data.columns, **columns)
        given["data.columns"] = read.model_dump() if read else None
    return params.with_values(given) if given else params


def _train_here(settings: "TrainSettings", request: "TrainingRequest") -> "TrainingResult":
    from sentiment_train.running.temporary_prefect import start_temporary_prefect

    with progress("Training") as show_step, TrainingWatch(show_step) as watch:
        interruption.end_soon(watch.remains)
        show_step("starting Prefect and the libraries")
        # The server starts while the libraries are imported.
        server = start_temporary_prefect(settings)
        from sentiment_train.flows.training import train_sentiment_model

        with server.used() if server else nullcontext():
            result: TrainingResult = train_sentiment_model(**request.flow_parameters())
        watch.finished = True
        return result


def _train_remotely(settings: "TrainSettings", request: "TrainingRequest") -> "TrainingResult":
    if settings.prefect_api_url is None:
        raise typer.BadParameter("--remote needs a Prefect server: set PREFECT_API_URL.")
    interruption.end_soon(lambda: "If a run was started, it goes on on its worker.")
    from sentiment_train.running.remote import run_remotely

    return run_remotely(
        settings,
        request,
        on_state=lambda state: typer.echo(state, err=True),
        on_start=lambda flow_run_id: interruption.end_soon(
            lambda: (
                f"The run goes on on its worker; `prefect flow-run cancel {flow_run_id}` stops it."
            )
        ),
    )


def _check_data(
    settings: "TrainSettings", params: "Params", data_path: Path | None, *, promote: bool
) -> None:
    from sentiment_train.data.reference import load_reference
    from sentiment_train.data.unlabelled import refuse_missing
    from sentiment_train.model.behaviour import promotion_checks

    if params.data.unlabelled:
        refuse_missing(params.data.unlabelled)
    if promote:
        promotion_checks(params.promotion)
        if params.promotion.reference:
            load_reference(Path(params.promotion.reference), params.data.columns, None)
    check_training_file(settings, params, data_path)


def _print_result(result: "TrainingResult", *, champion: bool) -> None:
    metrics = {name: round(value, 4) for name, value in result.metrics.items()}
    typer.echo(f"Metrics: {metrics}")
    typer.echo(f"MLflow run ID: {result.run_id}")
    if result.model_version:
        typer.echo(f"Registered model version: {result.model_version}")
    if result.unlabelled:
        typer.echo(f"{result.unlabelled[0].upper()}{result.unlabelled[1:]}")
    typer.echo(f"{_RULE}\nTraining completed!\n{_RULE}")
    typer.echo(f"Run ID: {result.run_id}\nMetrics:")
    for name, value in result.metrics.items():
        typer.echo(f"  {name}: {value:.4f}")
    if result.model_version:
        typer.echo(f"Model version: {result.model_version}")
    typer.echo(f"Status: {_status(result, champion=champion)}")


def _status(result: "TrainingResult", *, champion: bool) -> str:
    if result.model_version is None:
        return "Logged, not registered"
    if not champion or result.decision is None:
        if result.challenger:
            return "Registered as challenger (promote with --champion)"
        return "Registered (promote with --champion, or mark it with --challenger)"
    if result.decision.promoted:
        return f"Set as champion ({result.decision.reason})"
    marked = "; it is the challenger now" if result.challenger else ""
    return f"Not promoted (the champion stays: {result.decision.reason}){marked}"
