"""MLflow's loader of a registered version (``loader_module`` in its MLmodel file).

MLflow imports this module by name where sentiment-core is installed and reads the model package:
no pickle and no code travel with the model.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from sentiment_core.model_package import load_package
from sentiment_core.prediction import Prediction, predict_batch
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
        DataFrame, shape (n_samples, 3)
            Columns ``sentiment``, ``confidence`` and ``low_information``.

        Raises
        ------
        BlankTextError
            If a text is blank.
        """
        del params
        return pd.DataFrame(
            predict_batch(self.scorer, model_input["text"].tolist()),
            columns=Prediction._fields,
            index=model_input.index,
        )


def _load_pyfunc(path: str) -> SentimentModel:
    return SentimentModel(load_package(Path(path)).scorer)
