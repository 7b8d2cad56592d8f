"""`predict`: label texts with a registered model."""

from typing import TYPE_CHECKING, Annotated

import typer

from sentiment_cli.output import JsonOption, print_json
from sentiment_core.labels import classify

if TYPE_CHECKING:
    from rich.text import Text

    from sentiment_core.scorer import LinearScorer

_TOP_TERMS = 10


def predict(
    texts: Annotated[list[str], typer.Argument(help="One or more reviews.", metavar="TEXT...")],
    explain: Annotated[
        bool, typer.Option("--explain", help="Colour the words by what they contribute.")
    ] = False,
    model: Annotated[str, typer.Option(help="Version or alias.")] = "champion",
    as_json: JsonOption = False,
) -> None:
    """Label reviews with the champion (or another version)."""
    from sentiment_cli.progress import progress
    from sentiment_train.registry import Registry
    from sentiment_train.runtime import configure_runtime

    settings = configure_runtime()
    with progress("Fetching the model"):
        registry = Registry(settings.model_name)
        version = registry.resolve(model).version
        scorer = registry.load(version).scorer
    results = [_result(scorer, text, version, explain=explain) for text in texts]
    if as_json:
        print_json(results)
        return
    for text, result in zip(texts, results, strict=True):
        typer.echo(f"{result['sentiment']} ({result['confidence']:.4f}) {text}")
        if explain:
            _print_explanation(scorer, text)


def _result(scorer: "LinearScorer", text: str, version: str, *, explain: bool) -> dict[str, object]:
    sentiment, confidence = classify(scorer.predict_positive(text))
    result: dict[str, object] = {
        "sentiment": sentiment,
        "confidence": confidence,
        "model_version": version,
    }
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
