"""One contract: the registry in memory that the interleavings run on is as the real one."""

import mlflow
import pytest

from sentiment_core.errors import InputError, NotFoundError
from sentiment_train.registry.model_record import MlflowRecord
from tests.support.interleaving import InMemoryRecord

pytestmark = pytest.mark.filterwarnings("default")  # MLflow's own


@pytest.fixture(params=["in memory", "MLflow"])
def record(request):
    if request.param == "in memory":
        return InMemoryRecord("exported", ("1", "2"))
    request.getfixturevalue("two_versions")
    return MlflowRecord("exported", mlflow.MlflowClient())


def test_aliases_and_tags_are_seen_at_once_and_go_again(record):
    assert record.read() == ({}, {})
    assert record.versions() == {"1", "2"}
    record.set_alias("champion", "1")
    record.set_tag("a.b", '{"c": 1}')
    assert record.read() == ({"champion": "1"}, {"a.b": '{"c": 1}'})
    record.set_alias("champion", "2")
    record.set_tag("a.b", "")
    assert record.read() == ({"champion": "2"}, {"a.b": ""})
    for _ in range(2):  # what is not there is no error
        record.delete_alias("champion")
        record.delete_tag("a.b")
    assert record.read() == ({}, {})


def test_an_alias_of_a_version_that_does_not_exist_is_an_error(record):
    with pytest.raises(NotFoundError, match="exported has no version 7"):
        record.set_alias("champion", "7")
    assert record.read() == ({}, {})


def test_what_mlflow_does_not_allow_is_a_plain_error(two_versions):
    record = MlflowRecord("exported", mlflow.MlflowClient())
    with pytest.raises(InputError, match="refuses the alias 'v1'"):
        record.set_alias("v1", "1")
    with pytest.raises(NotFoundError):
        MlflowRecord("nothing", mlflow.MlflowClient()).read()
