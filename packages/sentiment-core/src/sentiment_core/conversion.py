"""Between a fitted scikit-learn pipeline and the portable scorer, both ways."""

from typing import Any, Final

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from sentiment_core.cleaning import clean_text
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


def scorer_from_pipeline(pipeline: Pipeline) -> LinearScorer:
    """Copy a fitted pipeline into a portable scorer.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted, as made by `sentiment_core.pipeline.fit_pipeline`.

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
    )


def pipeline_from_scorer(scorer: LinearScorer) -> Pipeline:
    """Rebuild a fitted scikit-learn pipeline from a portable scorer.

    Parameters
    ----------
    scorer : LinearScorer
        Any scorer.

    Returns
    -------
    Pipeline
        Steps ``vectorizer`` and ``classifier``; predicts the same probabilities.
    """
    terms, idf, coefficients = zip(*scorer.terms(), strict=True)
    vectorizer = TfidfVectorizer(
        preprocessor=clean_text,
        token_pattern=TOKEN_PATTERN,
        ngram_range=(1, scorer.max_ngram),
        sublinear_tf=scorer.sublinear_tf,
        vocabulary={term: column for column, term in enumerate(terms)},
    )
    vectorizer.idf_ = np.array(idf)
    classifier = LogisticRegression()
    classifier.classes_ = np.array([0, 1])
    classifier.coef_ = np.array([coefficients])
    classifier.intercept_ = np.array([scorer.intercept])
    classifier.n_features_in_ = len(terms)
    return Pipeline([("vectorizer", vectorizer), ("classifier", classifier)])
