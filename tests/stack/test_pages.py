"""What operators see in a browser: Prefect's page of a run, and MLflow's page of the model."""

import pytest
from playwright.sync_api import expect

from tests.browser import chromium_page, screenshot

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

_MODEL = "sentiment-classifier"


@pytest.fixture(scope="module")
def flow_run(stack):
    """A finished training with promotion, as Prefect knows it."""
    stack.cli("train", "--champion", "--data-path", "reviews.csv", MODEL_NAME=_MODEL)
    return stack.last_training()


def test_prefect_shows_the_run_with_its_tasks(stack, flow_run, tmp_path):
    url = stack.client_environment["PREFECT_API_URL"].removesuffix("/api")
    with chromium_page(1400, 900) as page:
        page.goto(f"{url}/runs/flow-run/{flow_run['id']}")
        expect(page.get_by_text(flow_run["name"]).first).to_be_visible(timeout=30_000)
        expect(page.get_by_text("Completed").first).to_be_visible()
        page.get_by_text("Task Runs", exact=True).first.click()
        expect(page.get_by_text("promote-champion").first).to_be_visible()
        page.wait_for_timeout(1500)  # the timeline draws itself
        screenshot(page, "prefect-flow-run", tmp_path)


def test_mlflow_shows_the_champion(stack, flow_run, tmp_path):
    url = stack.client_environment["MLFLOW_TRACKING_URI"]
    with chromium_page(1400, 800) as page:
        page.goto(f"{url}/#/models/{_MODEL}")
        expect(page.get_by_text(_MODEL).first).to_be_visible(timeout=30_000)
        expect(page.get_by_text("champion").first).to_be_visible(timeout=30_000)
        page.wait_for_timeout(1000)
        screenshot(page, "mlflow-registry", tmp_path)
