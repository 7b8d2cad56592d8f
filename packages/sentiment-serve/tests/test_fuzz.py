"""A few hundred damaged inputs for each reader; tests/chaos feeds a hundred thousand."""

import pytest

from tests.support.fuzzed_files import TARGETS
from tests.support.fuzzing import run_fuzz


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_input_is_read_or_refused(name):
    run_fuzz(name, TARGETS[name], count=300)
