import pytest
from hypothesis import settings

from sentiment_core.params import Params, parse_params

# How long an example takes says nothing about it on a busy machine.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@pytest.fixture
def make_params():
    def make(**sections: dict[str, object]) -> Params:
        values = {
            "data": {
                "source": "package",
                "path": "data/reviews.csv",
                "columns": None,
                "labels": None,
                "samples": 200,
                "seed": 1,
                "test_size": 0.25,
                "refit": False,
                "unlabelled": None,
            },
            "vectorizer": {
                "ngram_range": [1, 2],
                "min_df": 1,
                "max_df": 1.0,
                "max_features": None,
                "sublinear_tf": True,
            },
            "model": {
                "C": 5.0,
                "max_iter": 500,
                "random_state": 0,
                "naive_bayes_smoothing": 0.1,
                "calibration_folds": None,
            },
            "semi_supervised": {"min_df": 1, "dimensions": 20, "share": 0.8},
            "promotion": {
                "metric": "f1",
                "min_gain": 0.0,
                "alpha": 0.05,
                "min_rows": 50,
                "reference": None,
                "guardrails": {
                    "slice_loss": None,
                    "calibration_error": None,
                    "megabytes": None,
                    "slowdown": None,
                    "behaviour": None,
                    "behaviour_loss": 0.0,
                },
            },
            "tune": {"folds": 2, "ranges": {"model.C": {"low": 1.0, "high": 9.0}}},
        }
        for name, section in sections.items():
            values[name] = {**values[name], **section}
        return parse_params(values)

    return make
