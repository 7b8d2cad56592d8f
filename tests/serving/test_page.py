"""The page for people, in a real browser on a real API with a model of real reviews."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from sentiment_core.champion_pointer import POINTER_FILE, ChampionPointer
from sentiment_core.conversion import scorer_from_pipeline
from sentiment_core.model_package import write_package
from sentiment_core.params import load_params
from sentiment_core.pipeline import fit_pipeline
from sentiment_train.sources.package import PackageSource
from tests.browser import chromium_page, screenshot
from tests.support import ROOT

REVIEW = (
    "The acting is wonderful and I loved the ending, but the first hour is a boring, "
    "predictable mess."
)


@pytest.fixture(scope="module")
def real_model(tmp_path_factory):
    """A folder with a champion that was trained on 2,000 real reviews."""
    folder = tmp_path_factory.mktemp("exported")
    reviews = PackageSource().load().sample(2000, random_state=1)
    params = load_params(Path(ROOT, "params.yaml"))
    pipeline = fit_pipeline(params, reviews["text"].tolist(), reviews["label"].tolist())
    scorer = scorer_from_pipeline(pipeline)
    write_package(folder / "7", scorer, metrics={}, examples=[REVIEW], model_card="# Card\n")
    pointer = ChampionPointer("sentiment-classifier", "7", "run", "7", scorer.digest)
    (folder / POINTER_FILE).write_text(pointer.to_json())
    return folder.as_uri()


@pytest.fixture
def page(start_api, real_model):
    with start_api(MODEL_SOURCE=real_model) as api, chromium_page() as page:
        requests = page.requests = []
        page.on("request", lambda request: requests.append(request.url))
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(error))
        page.api_url = api.url
        api.client.post("/admin/reload")
        page.goto(api.url)
        yield page
        assert page.errors == []
        assert all(url.startswith((api.url, "data:")) for url in requests)


def test_a_review_is_labelled_and_its_words_are_coloured(page, tmp_path):
    page.get_by_label("A film review, in English").fill(REVIEW)
    page.get_by_role("button", name="Label it").click()
    result = page.locator("#result")
    expect(result).to_contain_text(re.compile(r"(positive|negative), \d+\.\d % sure"))
    expect(result).to_contain_text("Model version 7")
    expect(page.get_by_role("meter")).to_be_visible()
    words = page.locator("[data-contribution]")
    assert " ".join(words.all_inner_texts()) == REVIEW
    contribution = {
        word.inner_text(): float(word.get_attribute("data-contribution")) for word in words.all()
    }
    assert contribution["wonderful"] > 0 > contribution["boring,"]
    coloured = page.get_by_text("boring,", exact=True).first
    assert "rgb" in coloured.evaluate("node => getComputedStyle(node).backgroundColor")
    screenshot(page, "page", tmp_path)


def test_the_keyboard_alone_is_enough(page):
    page.keyboard.press("Tab")
    page.keyboard.press("Control+A")
    page.keyboard.type("Dull and badly acted.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#result")).to_contain_text("negative")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "send"


def test_screen_readers_hear_the_result_and_every_control_has_a_name(page):
    assert page.locator("#result").get_attribute("aria-live") == "polite"
    page.get_by_role("button", name="Label it").click()
    expect(page.locator("#result")).to_contain_text("positive")
    meter = page.get_by_role("meter")
    assert "percent" in meter.get_attribute("aria-label")
    expect(page.get_by_role("textbox", name="A film review, in English")).to_be_visible()
    # Colour is not the only sign: the strongest words are also said in words.
    expect(page.locator("#result")).to_contain_text("Strongest words: ")


def test_an_error_is_shown_in_plain_words(page):
    page.locator("#text").evaluate("node => { node.removeAttribute('maxlength') }")
    page.locator("#text").fill("long " * 5000)
    page.get_by_role("button", name="Label it").click()
    expect(page.locator(".error")).to_contain_text("characters")


def test_text_is_never_taken_for_markup(page):
    page.locator("#text").fill("<img src=x onerror=document.title='hacked'> great")
    page.get_by_role("button", name="Label it").click()
    expect(page.locator("#result")).to_contain_text("sure")
    assert page.title() == "Sentiment"
    assert page.locator("#result img").count() == 0
