"""MLflow's loader of a registered version (``loader_module`` in its MLmodel file).

MLflow imports this module by name where sentiment-core is installed and reads the model package:
no pickle and no code travel with the model.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from sentiment_core.labels import classify
from sentiment_core.model_package import load_package
from sentiment_core.scorer import LinearScorer


class SentimentModel:
    """A scorer with the interface that MLflow's pyfunc flavour expects.

    Parameters
    ----------
    scorer : LinearScorer
        The model.
    """

    def __init__(self, scorer: LinearScorer) -> None:
        self.scorer = scorer

    def predict(
        self, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Label each text.

        Parameters
        ----------
        model_input : DataFrame, shape (n_samples, 1)
            Column ``text``.
        params : dict, optional
            Not used.

        Returns
        -------
        DataFrame, shape (n_samples, 2)
            Columns ``sentiment`` and ``confidence``.
        """
        del params
        probabilities = self.scorer.predict_proba(model_input["text"].tolist())[:, 1]
        return pd.DataFrame(
            [classify(float(probability)) for probability in probabilities],
            columns=["sentiment", "confidence"],
            index=model_input.index,
        )


def _load_pyfunc(path: str) -> SentimentModel:
    return SentimentModel(load_package(Path(path)).scorer)
