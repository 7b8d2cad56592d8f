"""An assessment as a page that needs nothing from elsewhere."""

import base64
import io
from typing import Final

import numpy as np
from jinja2 import Environment, PackageLoader
from numpy.typing import NDArray

from sentiment_core.labels import OWN_NAMES
from sentiment_core.scorer import LinearScorer
from sentiment_train.model.assessment import Assessment
from sentiment_train.model.curves import HeldOutScores
from sentiment_train.model.plots import draw_plots

_TEMPLATE: Final = "report.html.jinja"


def render_report(
    name: str,
    result: Assessment,
    scorer: LinearScorer,
    texts: list[str],
    labels: NDArray[np.int_],
) -> str:
    """Render an assessment with its curves as HTML.

    Parameters
    ----------
    name : str
        The registered model.
    result : Assessment
        Of the scorer, on these reviews.
    texts : list of str, length n_reviews
        Raw reviews.
    labels : array of int, shape (n_reviews,)
        0 or 1.

    Returns
    -------
    str
        A page in which every text is escaped.
    """
    scores = HeldOutScores(scorer.digest, labels, scorer.predict_proba(texts)[:, 1])
    figures = {}
    for title, figure in draw_plots(scorer, scores):
        picture = io.BytesIO()
        figure.savefig(picture, format="png")
        figures[title.replace("_", " ")] = base64.b64encode(picture.getvalue()).decode("ascii")
    environment = Environment(loader=PackageLoader("sentiment_train.model"), autoescape=True)
    return environment.get_template(_TEMPLATE).render(
        name=name, result=result, figures=figures, names=scorer.labels or OWN_NAMES
    )
