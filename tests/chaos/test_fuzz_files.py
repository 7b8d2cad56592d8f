"""A hundred thousand damaged inputs for each reader of files, answers and requests.

FUZZ_INPUTS and FUZZ_SEED choose how many and which; a finding names its seed and number.
"""

import os

import pytest

from tests.support.fuzzed_datasets import Datasets
from tests.support.fuzzed_files import TARGETS
from tests.support.fuzzing import run_fuzz

ALL = {**TARGETS, "datasets": Datasets}
INPUTS = int(os.environ.get("FUZZ_INPUTS", "100000"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))


@pytest.mark.parametrize("name", ALL)
def test_no_input_raises_what_is_not_documented(name, record_property):
    slowest, megabytes = run_fuzz(name, ALL[name], count=INPUTS, seed=SEED)
    record_property("figures", f"{INPUTS} inputs, {slowest:.3f} s, {megabytes:.0f} MB")
