"""Against a real Prefect server, and against none."""

from uuid import uuid4

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL, temporary_settings

from sentiment_core import errors
from sentiment_train.running.prefect_errors import PREFECT_ERRORS, mapped_prefect_errors


@pytest.mark.parametrize("theirs", PREFECT_ERRORS, ids=lambda cls: cls.__name__)
def test_each_class_of_the_table_has_its_meaning(theirs):
    error = ObjectNotFound(KeyError()) if theirs is ObjectNotFound else theirs("what it says")
    with pytest.raises(PREFECT_ERRORS[theirs]) as caught, mapped_prefect_errors():
        raise error
    assert type(caught.value) is PREFECT_ERRORS[theirs]
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    ("status", "cls"),
    [(401, errors.DeniedError), (422, errors.InputError), (503, errors.UnreachableError)],
)
def test_of_other_answers_the_status_decides(status, cls):
    response = httpx.Response(status, request=httpx.Request("GET", "http://127.0.0.1:9"))
    error = PrefectHTTPStatusError("refused", request=response.request, response=response)
    with pytest.raises(cls), mapped_prefect_errors():
        raise error


@pytest.mark.filterwarnings("default")  # of Prefect's own making
def test_prefect_itself_is_understood(prefect_server):
    with (
        get_client(sync_client=True) as client,
        pytest.raises(errors.NotFoundError),
        mapped_prefect_errors(),
    ):
        client.read_flow_run(uuid4())


def test_a_server_that_is_away_is_unreachable():
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}),
        pytest.raises(errors.UnreachableError, match=r"127\.0\.0\.1:9/api"),
        mapped_prefect_errors(),
        get_client(sync_client=True) as client,
    ):
        client.read_flow_run(uuid4())


@pytest.mark.parametrize("error", [KeyError("ours"), RuntimeError("ours")], ids=repr)
def test_a_bug_stays_a_bug(error):
    with pytest.raises(type(error)), mapped_prefect_errors():
        raise error
