"""Random requests made from the API's own description: never a 5xx, never another shape."""

from collections import Counter

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from sentiment_core.store_settings import StoreSettings
from sentiment_serve.app import create_app
from sentiment_serve.settings import ServeSettings
from tests.support import eventually


@pytest.mark.filterwarnings("default")  # the tool leaves sockets to the garbage collector
@pytest.mark.parametrize(
    ("examples", "least"), [(40, 400), pytest.param(1500, 10_000, marks=pytest.mark.chaos)]
)
def test_random_requests_never_break_it(start_api, publisher, tmp_path, examples, least):
    publisher.publish(tmp_path)
    cases = Counter()
    with start_api(ADMIN_TOKEN="secret") as api:
        eventually(api.version)
        schema = schemathesis.openapi.from_url(f"{api.url}/openapi.json")
        for operation in (result.ok() for result in schema.get_all_operations()):
            check_operation(operation, GenerationMode.POSITIVE, examples, cases)
            # Without a body there is nothing to get wrong.
            if operation.body:
                check_operation(operation, GenerationMode.NEGATIVE, examples, cases)
    right = {label for label, mode in cases if mode is GenerationMode.POSITIVE}
    wrong = {label for label, mode in cases if mode is GenerationMode.NEGATIVE}
    assert {"POST /predict", "POST /explain", "GET /model-info"} <= right
    assert {"POST /predict/batch", "POST /feedback"} <= wrong
    assert cases.total() >= least


def check_operation(operation, mode, examples, cases):
    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case):
        cases[operation.label, mode] += 1
        case.call_and_validate()

    check()


def test_the_description_has_examples_and_names_every_error(tmp_path):
    app = create_app(ServeSettings(sentiment_home=tmp_path), StoreSettings())
    schema = app.openapi()
    predict = schema["paths"]["/predict"]["post"]
    assert {"200", "400", "413", "422", "503"} <= set(predict["responses"])
    assert schema["components"]["schemas"]["PredictRequest"]["properties"]["text"]["examples"]
