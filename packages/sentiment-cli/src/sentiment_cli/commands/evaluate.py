"""`evaluate`: judge a registered model on labelled reviews."""

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sentiment_cli.commands.registry import open_registry
from sentiment_cli.options import (
    DEFAULT_PARAMS,
    JsonOption,
    LabelColumnOption,
    ModelNameOption,
    NegativeOption,
    NeutralOption,
    ParamsOption,
    PositiveOption,
    TextColumnOption,
    read_columns,
)
from sentiment_cli.output import print_json, print_table
from sentiment_core.errors import InputError
from sentiment_core.labels import OWN_NAMES, SENTIMENTS
from sentiment_core.registry_names import CHAMPION

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from sentiment_core.labels import LabelNames
    from sentiment_core.scorer import LinearScorer
    from sentiment_train.model.assessment import Assessment, WrongAnswer
    from sentiment_train.model.behaviour import BehaviourCheck
    from sentiment_train.registry.versions import Registry

DEFAULT_BEHAVIOUR: Final = Path("behaviour.yaml")
_SHOWN_CHARACTERS: Final = 100


def evaluate(
    data: Annotated[
        Path, typer.Option("--data-path", help="Your own file: CSV, .jsonl, .parquet or .xlsx.")
    ],
    model: Annotated[str, typer.Option(help="Version or alias.")] = CHAMPION,
    against: Annotated[
        str | None,
        typer.Option(help="Another version or alias, judged on the same reviews."),
    ] = None,
    worst: Annotated[
        int, typer.Option(min=0, help="Wrong answers to take apart, the surest first.")
    ] = 5,
    by: Annotated[
        list[str] | None,
        typer.Option(help="Column whose values are looked at one by one; more than once."),
    ] = None,
    behaviour: Annotated[
        Path | None,
        typer.Option(help="File of behavioural checks. (default: behaviour.yaml, if it is there)"),
    ] = None,
    output_report: Annotated[
        Path | None,
        typer.Option(help="Also write a page with figures, here and to the version's run."),
    ] = None,
    output_suspects: Annotated[
        Path | None,
        typer.Option(
            help="Also write reviews whose label is probably wrong to this CSV file: those that "
            "models of the other reviews of the file, with the parameters, contradict surely."
        ),
    ] = None,
    params_path: ParamsOption = DEFAULT_PARAMS,
    unseen: Annotated[
        bool, typer.Option("--unseen", help="Leave out reviews that a version was trained on.")
    ] = False,
    text_column: TextColumnOption = None,
    label_column: LabelColumnOption = None,
    positive: PositiveOption = None,
    negative: NegativeOption = None,
    neutral: NeutralOption = None,
    model_name: ModelNameOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge the champion (or another version) on labelled reviews of your own.

    Each figure comes with the interval that holds 95 % of what resampled reviews give: with few
    reviews it is wide. Reviews that a version was trained on flatter it: it is said how many there
    are, and --unseen leaves them out.

    [bold]Examples[/]

    sentiment-cli evaluate --data-path mine.csv

    sentiment-cli evaluate --data-path mine.csv --model challenger --against champion --unseen

    sentiment-cli evaluate --data-path mine.csv --by shop --output-report report.html
    """
    import numpy as np

    from sentiment_cli.progress import progress
    from sentiment_train.data.dataset import load_dataset, text_fingerprints
    from sentiment_train.model.assessment import assess

    checks = _load_checks(behaviour)
    others = by or []

    columns = read_columns(
        None, text=text_column, label=label_column, positive=positive, negative=negative,
        neutral=neutral,
    )  # fmt: skip
    with progress("Reading the reviews"):
        frame = load_dataset(data, columns, others=others)
        fingerprints = text_fingerprints(frame["text"])
    registry = open_registry(model_name)
    references = [model, *([against] if against else [])]
    with progress("Fetching the models" if against else "Fetching the model"):
        versions = [registry.resolve(reference).version for reference in references]
        fetched = [_fetch(registry, version) for version in versions]
    kept = np.ones(len(frame), dtype=bool)
    scorer = fetched[0][0]
    for version, (_, trained_on) in zip(versions, fetched, strict=True):
        seen = np.isin(fingerprints, trained_on)
        if unseen:
            kept &= ~seen
        elif seen.any():
            count = f"{int(seen.sum())} of these {len(frame)} reviews"
            typer.echo(f"Note: version {version} was trained on {count}.", err=True)
    if frame["label"][kept].nunique() < len(SENTIMENTS):
        raise InputError(
            f"{int(kept.sum())} of {len(frame)} reviews were not trained on, and not both classes "
            "are among them: name a file with more reviews, or leave --unseen out."
        )
    texts, labels = frame["text"][kept].tolist(), frame["label"][kept].to_numpy()
    with progress("Judging"):
        result = assess(
            versions[0], scorer, texts, labels,
            against=(versions[1], fetched[1][0]) if against else None,
            columns={name: frame[name][kept].tolist() for name in others},
            checks=checks, n_worst=worst,
        )  # fmt: skip
    if as_json:
        print_json(_as_json(result))
    else:
        _print(result, registry.name, scorer.labels or OWN_NAMES)
    if output_report:
        from sentiment_train.model.report import render_report

        _write(output_report, render_report(registry.name, result, scorer, texts, labels))
        registry.log_report(versions[0], output_report)
    if output_suspects:
        with progress("Looking for wrong labels"):
            _write(output_suspects, _find_suspects(frame, params_path))


def _load_checks(path: Path | None) -> "list[BehaviourCheck]":
    from sentiment_train.model.behaviour import load_checks

    if path is None and not DEFAULT_BEHAVIOUR.exists():
        return []
    return load_checks(path or DEFAULT_BEHAVIOUR)


def _find_suspects(frame: "pd.DataFrame", params_path: Path) -> str:
    import pandas as pd

    from sentiment_core.params import load_params
    from sentiment_train.model.label_noise import Suspect, find_suspects

    found = find_suspects(frame, load_params(params_path))
    return pd.DataFrame(found, columns=Suspect._fields).to_csv(index=False, lineterminator="\n")


def _write(path: Path, content: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise InputError(f"Cannot write {path}: {error.strerror}.") from error
    typer.echo(f"Wrote {path}", err=True)


def _fetch(registry: "Registry", version: str) -> "tuple[LinearScorer, NDArray[np.uint64]]":
    """Fetch a version's model and the fingerprints of its training reviews, as far as known."""
    import numpy as np

    from sentiment_core.model_package import load_package
    from sentiment_train.registry.judged_model import read_training_rows

    with registry.package(version) as folder:
        scorer, rows = load_package(folder).scorer, read_training_rows(folder)
    return scorer, np.empty(0, dtype=np.uint64) if rows is None else rows


def _as_json(result: "Assessment") -> dict[str, object]:
    from dataclasses import asdict

    values = asdict(result)
    values["figures"] = {name: figure._asdict() for name, figure in result.figures.items()}
    for answer, shown in zip(values["worst"], result.worst, strict=True):
        answer["terms"] = [term._asdict() for term in shown.terms]
    if result.against:
        values["against"]["differences"] = {
            name: figure._asdict() for name, figure in result.against.differences.items()
        }
    return values


def _print(result: "Assessment", name: str, names: "LabelNames") -> None:
    gain = result.against
    columns = ["", f"Version {result.version}", "95 %"]
    if gain:
        columns += [f"More than {gain.version}", "95 %"]
    rows = []
    for figure, (value, low, high) in result.figures.items():
        row = [figure, f"{value:.4f}", f"{low:.4f} to {high:.4f}"]
        if gain:
            value, low, high = gain.differences[figure]
            row += [f"{value:+.4f}", f"{low:+.4f} to {high:+.4f}"]
        rows.append(row)
    title = f"{name} on {result.n_rows} reviews ({result.n_positive} {names['positive']})"
    print_table(title, columns, rows)
    if gain:
        typer.echo(
            f"p {gain.p_value:.4f}: so probable is such a gain in log loss if version "
            f"{result.version} is no better than {gain.version}"
        )
    if result.low_information:
        typer.echo(f"Fewer than half of the words known: {result.low_information} reviews")
    for by, slices in groupby(result.slices, lambda part: part.by):
        print_table(
            f"Accuracy by {by}", ["Reviews", "Number", "Accuracy"],
            [[part.name, str(part.n_rows), f"{part.accuracy:.4f}"] for part in slices],
        )  # fmt: skip
    if result.behaviour:
        print_table(
            "Behaviour", ["Change", "Expected", "As expected"],
            [[check.name, check.expects, f"{check.n_passed} of {check.n_pairs}"]
             for check in result.behaviour],
        )  # fmt: skip
    for answer in result.worst:
        _print_wrong(answer, names)


def _print_wrong(answer: "WrongAnswer", names: "LabelNames") -> None:
    text = " ".join(answer.text.split())
    if len(text) > _SHOWN_CHARACTERS:
        text = text[:_SHOWN_CHARACTERS].rstrip() + " …"
    terms = ", ".join(f"{term.term} {term.contribution:+.2f}" for term in answer.terms)
    typer.echo(
        f"Row {answer.row} is {names[answer.label]}, and was called "
        f"{names[answer.predicted]} "
        f"({answer.confidence:.4f}): {text}"
    )
    if terms:
        typer.echo(f"  because of {terms}")
