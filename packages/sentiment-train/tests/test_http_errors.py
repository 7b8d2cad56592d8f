import httpx
import pytest

from sentiment_core import errors
from sentiment_train.http_errors import HTTP_STATUSES, class_of_status, mapped_http_errors

REQUEST = httpx.Request("GET", "http://127.0.0.1:9/file")


@pytest.mark.parametrize("status", [*HTTP_STATUSES, 418, 500, 503])
def test_each_status_has_its_meaning(status):
    others = errors.UnreachableError if status >= 500 else errors.RefusedError
    cls = HTTP_STATUSES.get(status, others)
    with pytest.raises(cls, match=f"/file answered {status}") as caught, mapped_http_errors():
        httpx.Response(status, request=REQUEST).raise_for_status()
    assert isinstance(caught.value.__cause__, httpx.HTTPStatusError)
    assert type(caught.value) is cls is class_of_status(status)


def test_a_server_that_is_away_is_unreachable_and_the_advice_is_told():
    with (
        pytest.raises(errors.UnreachableError, match=r"Cannot reach .*:9/file .* Try another\."),
        mapped_http_errors("Try another."),
    ):
        httpx.get("http://127.0.0.1:9/file")


def test_an_address_that_is_none_and_endless_redirects_are_refused():
    with pytest.raises(errors.RefusedError), mapped_http_errors():
        raise httpx.InvalidURL("no address")
    with pytest.raises(errors.RefusedError), mapped_http_errors():
        raise httpx.TooManyRedirects("twenty", request=REQUEST)


def test_a_bug_stays_a_bug():
    with pytest.raises(KeyError), mapped_http_errors():
        raise KeyError("ours")
