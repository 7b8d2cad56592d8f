"""The model card that travels with each version."""

from collections.abc import Mapping

from sentiment_core.params import Params
from sentiment_core.prediction import LEAST_KNOWN_SHARE
from sentiment_train.data.provenance import PreparedData, describe_provenance
from sentiment_train.model.bootstrap import figures_with_intervals
from sentiment_train.model.curves import HeldOutScores
from sentiment_train.model.evaluation import Evaluation

_TEMPLATE = """\
# {name}

Binary sentiment of English reviews: TF-IDF n-grams and logistic regression.

## Use

Give it the raw text of one review; it answers *positive* or *negative* with a confidence. It knows
the words of film reviews: texts of other kinds, languages other than English, irony and neutral
texts are outside of what it was evaluated on. A text of which it knows less than {least_known:.0%}
of the words, such as one in another language, is answered with `low_information`: the label says
little then. It was made to sort opinions, not to judge people.

## Data

{data}

Reviews are split by text, so that no held-out review is a training row as well
({train_rows} training rows, {test_rows} held-out rows).{unlabelled}

## Quality on the held-out rows

{metrics}

The intervals hold 95 % of the figures that resampled held-out rows give. {judged}

## Parameters

{params}

## Vocabulary

{n_terms} terms; scorer SHA-256 `{digest}`.
"""

_REFITTED = """\
These are the figures of a model that was fitted in the same way on the training rows alone. What
serves was fitted on all {rows} rows afterwards: it has no figures of its own, which would be about
the same or a little better."""
_NOT_REFITTED = "What serves has not seen the held-out rows."


def write_model_card(
    *,
    name: str,
    path: str,
    provenance: PreparedData | None,
    rows: tuple[int, int],
    scores: HeldOutScores,
    refitted: bool,
    unlabelled: str | None,
    params: Params,
    n_terms: int,
    digest: str,
) -> str:
    """Describe a model, in Markdown, for the people who will use it.

    Parameters
    ----------
    path : str
        The data file.
    provenance : PreparedData or None
        Where the reviews come from, if that is known.
    rows : (int, int)
        Training and held-out rows.
    scores : HeldOutScores
        What the judged model says of the held-out rows.
    refitted : bool
        Whether what serves was fitted on the held-out rows too.
    unlabelled : str or None
        What reviews without labels were worth, if there were any.
    digest : str
        SHA-256 of the scorer.
    """
    judged = _REFITTED.format(rows=sum(rows)) if refitted else _NOT_REFITTED
    return _TEMPLATE.format(
        name=name,
        data=markdown_table(("file", path), describe_provenance(provenance)),
        train_rows=rows[0],
        test_rows=rows[1],
        unlabelled=f"\n\n{unlabelled}." if unlabelled else "",
        judged=judged,
        metrics=markdown_table(("metric", "value (95 % interval)"), _intervals(scores)),
        least_known=LEAST_KNOWN_SHARE,
        params=markdown_table(("parameter", "value"), params.flat()),
        n_terms=n_terms,
        digest=digest,
    )


def _intervals(scores: HeldOutScores) -> dict[str, str]:
    figures = figures_with_intervals(scores.labels, scores.probabilities)
    return {
        name: f"{value:.4f} ({low:.4f} to {high:.4f})"
        for name, (value, low, high) in figures.items()
    }


def rounded(evaluation: Evaluation) -> dict[str, str]:
    """Round metrics to four digits, for people."""
    return {name: f"{value:.4f}" for name, value in evaluation.metrics().items()}


def markdown_table(header: tuple[str, str], rows: Mapping[str, object]) -> str:
    """Render a Markdown table of two columns."""
    lines = [header, ("---", "---"), *rows.items()]
    return "\n".join(f"| {name} | {value} |" for name, value in lines)
