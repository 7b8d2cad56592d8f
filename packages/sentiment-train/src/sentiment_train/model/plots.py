"""Plots of an evaluation, logged with each run."""

from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sentiment_core.labels import OWN_NAMES, SENTIMENTS, LabelNames
from sentiment_core.scorer import LinearScorer
from sentiment_train.model.curves import HeldOutScores
from sentiment_train.model.evaluation import Evaluation

_TOP_TERMS = 15
_NEGATIVE_COLOUR, _POSITIVE_COLOUR = "#b3472d", "#2a6f97"


def draw_plots(scorer: LinearScorer, scores: HeldOutScores) -> Iterator[tuple[str, Figure]]:
    """Draw the confusion matrix, ROC, precision-recall and calibration curves and the top terms.

    Yields
    ------
    name : str
        File name without its ending.
    figure : Figure
        Not attached to any display.
    """
    evaluation = scores.evaluation
    yield "confusion_matrix", _confusion_matrix(evaluation, scorer.labels or OWN_NAMES)
    false_rate, true_rate = scores.roc
    title = f"ROC (area {evaluation.roc_auc:.4f})"
    yield "roc", _curve(false_rate, true_rate, title, "False positive rate", "True positive rate")
    recall, precision = scores.precision_recall
    yield "precision_recall", _curve(recall, precision, "Precision-recall", "Recall", "Precision")
    predicted, observed = scores.calibration
    title = f"Calibration (Brier {evaluation.brier:.4f})"
    yield (
        "calibration",
        _curve(
            predicted, observed, title, "Predicted probability", "Observed share", diagonal=True
        ),
    )
    yield "top_terms", _top_terms(scorer)


def _new(title: str) -> tuple[Figure, "mpl.axes.Axes"]:
    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = figure.add_subplot(title=title)
    return figure, axes


def _curve(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    title: str,
    xlabel: str,
    ylabel: str,
    *,
    diagonal: bool = False,
) -> Figure:
    figure, axes = _new(title)
    axes.plot(x, y, color=_POSITIVE_COLOUR, marker="o" if diagonal else None)
    if diagonal:
        axes.plot([0, 1], [0, 1], color="0.6", linestyle="--")
    axes.set(xlabel=xlabel, ylabel=ylabel, xlim=(0, 1), ylim=(0, 1.02))
    return figure


def _confusion_matrix(evaluation: Evaluation, names: LabelNames) -> Figure:
    figure, axes = _new(f"Confusion matrix (accuracy {evaluation.accuracy:.4f})")
    counts = np.array(evaluation.confusion_matrix())
    axes.imshow(counts, cmap="Blues")
    for (row, column), count in np.ndenumerate(counts):
        dark = count > counts.max() / 2
        axes.text(column, row, str(count), ha="center", color="white" if dark else "black")
    axes.set(xlabel="Predicted", ylabel="True")
    shown = [names[sentiment] for sentiment in SENTIMENTS]
    axes.set_xticks(range(2), shown)
    axes.set_yticks(range(2), shown)
    return figure


def _top_terms(scorer: LinearScorer) -> Figure:
    negative, positive = scorer.top_terms(_TOP_TERMS)
    figure, axes = _new("Terms with the largest weights")
    rows = [*negative, *reversed(positive)]
    colours = [_NEGATIVE_COLOUR] * len(negative) + [_POSITIVE_COLOUR] * len(positive)
    axes.barh(range(len(rows)), [weight for _, weight in rows], color=colours)
    axes.set_yticks(range(len(rows)), [term for term, _ in rows], fontsize=6)
    axes.set_xlabel("Coefficient (log-odds of positive)")
    return figure
