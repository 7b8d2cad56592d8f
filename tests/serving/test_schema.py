"""Random requests made from the API's own description: never a 5xx, never another shape."""

import schemathesis
from hypothesis import HealthCheck, settings

from sentiment_serve.app import create_app
from sentiment_serve.settings import ServeSettings


def test_random_requests_never_break_it(start_api, publisher, tmp_path):
    publisher.publish(tmp_path)
    with start_api(ADMIN_TOKEN="secret") as api:
        from tests.serving.test_api_process import eventually

        eventually(api.version)
        schema = schemathesis.openapi.from_url(f"{api.url}/openapi.json")
        for operation in schema.get_all_operations():
            check_operation(operation.ok())


def check_operation(operation):
    @settings(
        max_examples=60, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @schemathesis.hypothesis.given(case=operation.as_strategy())
    def check(case):
        case.call_and_validate(
            excluded_checks=[schemathesis.checks.load_all_checks] if False else None
        )

    check()


def test_the_description_has_examples_and_names_every_error(tmp_path):
    app = create_app(ServeSettings(_env_file=None, sentiment_home=tmp_path))
    schema = app.openapi()
    predict = schema["paths"]["/predict"]["post"]
    assert {"200", "400", "413", "422", "503"} <= set(predict["responses"])
    assert schema["components"]["schemas"]["PredictRequest"]["properties"]["text"]["examples"]
