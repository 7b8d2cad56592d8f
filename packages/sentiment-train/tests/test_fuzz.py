"""A few hundred damaged files; tests/chaos feeds a hundred thousand."""

from tests.support.fuzzed_datasets import Datasets
from tests.support.fuzzing import run_fuzz


def test_a_damaged_file_of_reviews_is_read_or_refused():
    run_fuzz("datasets", Datasets, count=500)
