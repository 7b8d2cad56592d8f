"""Random requests made from the API's own description: never a 5xx, never another shape."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from sentiment_core.store_settings import StoreSettings
from sentiment_serve.app import create_app
from sentiment_serve.settings import ServeSettings
from tests.support import eventually


@pytest.mark.filterwarnings("default")  # the tool leaves sockets to the garbage collector
def test_random_requests_never_break_it(start_api, publisher, tmp_path):
    publisher.publish(tmp_path)
    with start_api(ADMIN_TOKEN="secret") as api:
        eventually(api.version)
        schema = schemathesis.openapi.from_url(f"{api.url}/openapi.json")
        operations = [result.ok() for result in schema.get_all_operations()]
        checked = [check_operation(operation, GenerationMode.POSITIVE) for operation in operations]
        # Without a body there is nothing to get wrong.
        wrong = [operation for operation in operations if operation.body]
        checked_wrong = [check_operation(operation, GenerationMode.NEGATIVE) for operation in wrong]
    assert {"POST /predict", "POST /explain", "GET /model-info"} <= set(checked)
    assert {"POST /predict/batch", "POST /feedback"} <= set(checked_wrong)


def check_operation(operation, mode):
    @settings(
        max_examples=40, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case):
        case.call_and_validate()

    check()
    return operation.label


def test_the_description_has_examples_and_names_every_error(tmp_path):
    app = create_app(ServeSettings(sentiment_home=tmp_path), StoreSettings())
    schema = app.openapi()
    predict = schema["paths"]["/predict"]["post"]
    assert {"200", "400", "413", "422", "503"} <= set(predict["responses"])
    assert schema["components"]["schemas"]["PredictRequest"]["properties"]["text"]["examples"]
