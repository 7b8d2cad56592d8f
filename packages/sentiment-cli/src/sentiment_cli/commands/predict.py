"""`predict`: label texts with a registered model."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentiment_cli.options import JsonOption, ModelNameOption
from sentiment_cli.output import print_json

if TYPE_CHECKING:
    from rich.text import Text

    from sentiment_core.prediction import Prediction
    from sentiment_core.scorer import LinearScorer

_TOP_TERMS = 10


def predict(
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            help="One or more reviews; - reads them from standard input, one each line.",
            metavar="[TEXT]...",
            show_default=False,
        ),
    ] = None,
    file: Annotated[
        list[Path] | None,
        typer.Option(
            "--file", "-f", help="Also read reviews from a file, one each line.", show_default=False
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Colour the words by what they contribute.")
    ] = False,
    model: Annotated[str, typer.Option(help="Version or alias.")] = "champion",
    model_name: ModelNameOption = None,
    as_json: JsonOption = False,
) -> None:
    """Label reviews with the champion (or another version).

    Without TEXT and --file, reviews are read from standard input. Empty lines of an input are
    skipped; a review that is blank by itself is refused. Where the model knows less than half of
    the words of a review the answer says so (--json: "low_information": true).

    [bold]Examples[/]

    sentiment-cli predict "A fine film" "A waste of time"

    sentiment-cli predict --file reviews.txt --json

    grep film reviews.txt | sentiment-cli predict
    """
    from sentiment_cli.progress import progress
    from sentiment_cli.registered_model import load_model
    from sentiment_cli.reviews import STANDARD_INPUT, read_reviews
    from sentiment_core.labels import OWN_NAMES
    from sentiment_core.prediction import predict_batch

    if not texts and not file:
        if sys.stdin.isatty():
            raise typer.BadParameter(
                "Name a review, or a file with --file, or pipe reviews in, one each line."
            )
        texts = [STANDARD_INPUT]
    reviews = read_reviews(texts or [], file or [])
    with progress("Fetching the model"):
        found = load_model(model_name, model)
    scorer, names = found.scorer, found.scorer.labels or OWN_NAMES
    predictions = predict_batch(scorer, reviews)
    if as_json:
        print_json(
            [
                _result(scorer, text, prediction, found.version, explain=explain)
                for text, prediction in zip(reviews, predictions, strict=True)
            ]
        )
        return
    for text, prediction in zip(reviews, predictions, strict=True):
        note = " [low information: few known words]" if prediction.low_information else ""
        label = names[prediction.sentiment]
        typer.echo(f"{label} ({prediction.confidence:.4f}){note} {text}")
        if explain:
            _print_explanation(scorer, text)


def _result(
    scorer: "LinearScorer", text: str, prediction: "Prediction", version: str, *, explain: bool
) -> dict[str, object]:
    result: dict[str, object] = {
        "sentiment": prediction.sentiment,
        "confidence": prediction.confidence,
        "model_version": version,
    }
    if scorer.labels:
        result["label"] = scorer.labels[prediction.sentiment]
    if prediction.low_information:
        result["low_information"] = True
    if explain:
        explanation = scorer.explain(text)
        terms = [
            {"term": term.term, "contribution": term.contribution} for term in explanation.terms
        ]
        result["intercept"] = explanation.intercept
        result["terms"] = terms
    return result


def _print_explanation(scorer: "LinearScorer", text: str) -> None:
    from rich.console import Console

    from sentiment_core.attribution import attribute_words

    explanation = scorer.explain(text)
    words = attribute_words(text, explanation, max_ngram=scorer.max_ngram)
    console = Console()
    console.print(_coloured([(word.word, word.contribution) for word in words]))
    for term in explanation.terms[:_TOP_TERMS]:
        console.print(f"  {term.contribution:+8.4f}  {term.term}", highlight=False, markup=False)
    console.print(f"  {explanation.intercept:+8.4f}  (intercept)", highlight=False)
    console.print(f"  {explanation.decision:+8.4f}  log-odds of positive", highlight=False)


def _coloured(words: list[tuple[str, float]]) -> "Text":
    from rich.text import Text

    strongest = max((abs(value) for _, value in words), default=0.0) or 1.0
    result = Text("  ")
    for word, value in words:
        strength = abs(value) / strongest
        colour = "green" if value > 0 else "red"
        style = "" if strength < 0.1 else f"bold {colour}" if strength > 0.5 else colour
        result.append(word, style=style).append(" ")
    return result
