"""From a fitted scikit-learn pipeline to the portable scorer."""

from typing import Any, Final

import numpy as np
from sklearn.pipeline import Pipeline

from sentiment_core.cleaning import clean_text
from sentiment_core.labels import LabelNames
from sentiment_core.pipeline import TOKEN_PATTERN
from sentiment_core.scorer import LinearScorer
from sentiment_core.vocabulary import Vocabulary

_REQUIRED: Final[dict[str, Any]] = {
    "analyzer": "word",
    "binary": False,
    "norm": "l2",
    "preprocessor": clean_text,
    "stop_words": None,
    "token_pattern": TOKEN_PATTERN,
    "tokenizer": None,
    "use_idf": True,
}


def scorer_from_pipeline(pipeline: Pipeline, labels: LabelNames | None = None) -> LinearScorer:
    """Copy a fitted pipeline into a portable scorer.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted, as made by `sentiment_core.pipeline.fit_pipeline`.
    labels : mapping of {"negative", "positive"} to str, optional
        What people call the classes.

    Returns
    -------
    LinearScorer
        It predicts the same probabilities.

    Raises
    ------
    ValueError
        If the vectorizer has options that the scorer does not implement.
    """
    vectorizer, classifier = pipeline["vectorizer"], pipeline["classifier"]
    options = vectorizer.get_params()
    unsupported = [name for name, value in _REQUIRED.items() if options[name] != value]
    if unsupported:
        raise ValueError(f"The scorer does not implement these options: {', '.join(unsupported)}.")
    columns = np.fromiter(vectorizer.vocabulary_.values(), dtype=np.int64)
    vocabulary, nodes = Vocabulary.from_terms(list(vectorizer.vocabulary_))
    idf, coefficients = np.zeros((2, len(vocabulary)))
    idf[nodes] = vectorizer.idf_[columns]
    coefficients[nodes] = classifier.coef_[0][columns]
    return LinearScorer(
        vocabulary=vocabulary,
        idf=idf,
        coefficients=coefficients,
        intercept=float(classifier.intercept_[0]),
        max_ngram=vectorizer.ngram_range[1],
        sublinear_tf=vectorizer.sublinear_tf,
        labels=labels,
    )
