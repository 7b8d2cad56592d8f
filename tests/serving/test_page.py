"""The page for people, in a real browser on a real API with a model of real reviews."""

import re
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from sentiment_core.champion_pointer import POINTER_FILE, ChampionPointer
from sentiment_core.conversion import scorer_from_pipeline
from sentiment_core.function_words import FUNCTION_WORDS
from sentiment_core.model_package import write_package
from sentiment_core.params import load_params
from sentiment_core.pipeline import fit_pipeline
from sentiment_core.registry_names import DEFAULT_MODEL_NAME
from sentiment_train.data.sources.package import PackageSource
from tests.browser import chromium_page, screenshot
from tests.support import BIN, ROOT, free_port, running

REVIEW = (
    "The acting is wonderful and I loved the ending, but the first hour is a boring, "
    "predictable mess."
)
CALIBRATION = [(0.05, 0.1), (0.5, 0.45), (0.95, 0.92)]
DESKTOP, PHONE = {"width": 1280, "height": 720}, {"width": 390, "height": 844}

# Every visible text, with the contrast between its colour and all that is laid under it.
CONTRASTS = """() => {
  const parse = colour => {
    const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const over = ([r, g, b, a], ground) =>
    [r, g, b].map((channel, i) => a * channel + (1 - a) * ground[i]).concat(1);
  const luminance = colour => {
    const [r, g, b] = colour.slice(0, 3).map(channel => {
      const c = channel / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = node => {
    const own = parse(getComputedStyle(node).backgroundColor);
    const parent = node.parentElement;
    return own[3] === 1 || !parent ? own : over(own, ground(parent));
  };
  const speaks = node => node.tagName === "TEXTAREA" ||
    [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim());
  return [...document.body.querySelectorAll("*")]
    .filter(node => speaks(node) && node.getClientRects().length)
    .map(node => {
      const under = ground(node);
      const text = over(parse(getComputedStyle(node).color), under);
      const [dark, light] = [luminance(text), luminance(under)].sort((a, b) => a - b);
      return { text: node.value || node.textContent, ratio: (light + 0.05) / (dark + 0.05) };
    });
}"""


@pytest.fixture(scope="module")
def real_pipeline():
    """Fitted on 2,000 real reviews."""
    reviews = PackageSource().load().sample(2000, random_state=1)
    params = load_params(Path(ROOT, "params.yaml"))
    return fit_pipeline(params, reviews["text"].tolist(), reviews["label"].tolist())


def export(folder, scorer):
    """Write a champion where an API without a registry finds it; returns the address."""
    write_package(
        folder / "7", scorer, metrics={"accuracy": 0.873}, examples=[REVIEW],
        model_card="# Card\n", calibration=CALIBRATION,
    )  # fmt: skip
    pointer = ChampionPointer(DEFAULT_MODEL_NAME, "7", "run", "7", scorer.digest)
    (folder / POINTER_FILE).write_text(pointer.to_json())
    return folder.as_uri()


@pytest.fixture(scope="module")
def real_model(tmp_path_factory, real_pipeline):
    return export(tmp_path_factory.mktemp("exported"), scorer_from_pipeline(real_pipeline))


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    """Starts an API that follows a model source, or the registry of an empty home."""

    @contextmanager
    def serve(**environment):
        folder, port = tmp_path_factory.mktemp("api"), free_port()
        url = f"http://127.0.0.1:{port}"
        with (
            running(
                [str(BIN / "sentiment-serve")], url, folder / "api.log", ready="/livez",
                HOST="127.0.0.1", PORT=str(port), SENTIMENT_HOME=str(folder), **environment,
            ),
            httpx.Client(base_url=url, timeout=30) as client,
        ):  # fmt: skip
            yield client

    return serve


@pytest.fixture(scope="module")
def api(serve, real_model):
    with serve(MODEL_SOURCE=real_model) as client:
        client.post("/admin/reload").raise_for_status()
        yield client


@pytest.fixture(scope="module")
def api_without_champion(serve):
    with serve() as client:
        yield client


@pytest.fixture(scope="module")
def browser():
    with chromium_page() as page:
        yield page.context.browser


def is_refusal(message):
    return "server responded with a status" in message.text


@contextmanager
def opened(browser, api):
    """The page of an API: nothing may fail in it, and nothing come from elsewhere."""
    requests, failures, refused = [], [], []
    page = browser.new_page(viewport=DESKTOP)
    page.on("request", lambda request: requests.append(request.url))
    page.on("requestfailed", lambda request: failures.append(request.url))
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on(
        "console",
        lambda message: (refused if is_refusal(message) else failures).append(message.text),
    )
    page.failures, page.refused, page.may_be_refused = failures, refused, False
    page.goto(str(api.base_url))
    yield page
    page.close()
    assert failures == []
    assert page.may_be_refused or refused == []
    assert len(requests) > 2
    assert all(url.startswith((str(api.base_url), "data:")) for url in requests)


@pytest.fixture
def page(browser, api):
    with opened(browser, api) as page:
        yield page


@pytest.fixture(scope="module")
def long_review():
    """2,000 words of real reviews."""
    reviews = PackageSource().load().sample(40, random_state=3)["text"].tolist()
    return " ".join(" ".join(reviews).split()[:2000])


def label(page, text):
    page.get_by_label("A film review, in English").fill(text)
    page.get_by_role("button", name="Label it").click()
    expect(page.locator(".verdict, .error")).to_be_visible()


def refusals(page):
    """What the browser itself says of answers that are errors; asked for, they are no failures."""
    page.may_be_refused = True
    return page.refused


def colour(locator):
    style = locator.evaluate("node => getComputedStyle(node).backgroundColor")
    return tuple(map(int, re.findall(r"\d+", style)[:3]))


def top_and_bottom(locator):
    """Where it is on the page, from its beginning."""
    return locator.evaluate(
        "node => { const box = node.getBoundingClientRect();"
        " return [box.top + scrollY, box.bottom + scrollY]; }"
    )


def test_a_review_is_labelled_and_its_words_are_coloured(page, tmp_path):
    label(page, REVIEW)
    expect(page.locator(".verdict")).to_have_text(re.compile(r"(posi|nega)tive, \d+\.\d % sure"))
    expect(page.get_by_text("Model version 7")).to_be_visible()
    words = page.locator("#words [data-contribution]")
    assert " ".join(words.all_inner_texts()) == REVIEW
    contribution = {
        word.inner_text(): float(word.get_attribute("data-contribution")) for word in words.all()
    }
    assert contribution["wonderful"] > 0 > contribution["boring,"]
    uncoloured = [
        word.inner_text() for word in words.all() if word.get_attribute("class") == "word"
    ]
    assert {"The", "the", "is", "a", "and"} <= set(uncoloured)
    assert colour(words.filter(has_text="boring")) != colour(words.filter(has_text="wonderful"))
    page.get_by_role("button", name="Yes, that is right").click()
    expect(page.locator("#feedback-state")).to_contain_text("Thank you")
    screenshot(page, "page", tmp_path)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_meter_has_the_colour_of_the_label(page, scheme):
    page.emulate_media(color_scheme=scheme)
    label(page, "A boring, awful waste of time.")
    meter = page.get_by_role("meter", name="Confidence")
    assert "negative" in meter.get_attribute("aria-valuetext")
    red, green, blue = colour(meter.locator("div"))
    assert red > max(green, blue)
    page.get_by_role("button", name="This movie is amazing!").click()
    expect(page.locator(".verdict")).to_contain_text("positive")
    red, green, blue = colour(meter.locator("div"))
    assert blue > max(red, green)
    share = meter.evaluate("node => node.firstChild.offsetWidth / node.offsetWidth")
    assert 100 * share == pytest.approx(float(meter.get_attribute("aria-valuenow")), abs=1)


def test_the_strongest_words_are_clean_and_say_something(page):
    label(page, "One of the worst films of the year: a waste, a WASTE of time. Boring, too!")
    words = page.locator(".strongest .word").all_inner_texts()
    assert len(words) == len(set(words)) == 5
    assert {"worst", "waste", "boring"} < set(words)
    assert all(word.isalnum() for word in words)
    assert not FUNCTION_WORDS & set(words)
    expect(page.locator("#summary")).to_contain_text("Strongest for negative:")


def test_nothing_known_is_said_plainly(page):
    label(page, "Привет 12345 !!!")
    expect(page.locator(".verdict")).to_have_text("The model knows too few of these words")
    expect(page.get_by_role("meter")).to_have_count(0)
    expect(page.get_by_role("button", name="Yes, that is right")).to_be_hidden()
    expect(page.locator("#words")).to_be_hidden()


def test_the_names_of_the_classes_are_those_of_the_model(
    serve, browser, real_pipeline, tmp_path_factory
):
    names = {"negative": "<b>complaint</b>", "positive": "praise"}
    scorer = scorer_from_pipeline(real_pipeline, names)
    exported = export(tmp_path_factory.mktemp("named"), scorer)
    with serve(MODEL_SOURCE=exported) as api:
        api.post("/admin/reload").raise_for_status()
        with opened(browser, api) as page:
            label(page, "A waste of time, boring and awful. The worst.")
            expect(page.locator(".verdict")).to_contain_text("<b>complaint</b>, ")
            expect(page.locator("#summary")).to_contain_text("Strongest for <b>complaint</b>:")
            expect(page.locator("main")).to_contain_text("speaks for praise")
            page.get_by_role("button", name="Yes, that is right").click()
            expect(page.locator("#feedback-state")).to_have_text("Thank you, it is counted.")


def open_model_view(page):
    page.get_by_role("tab", name="Model").click()
    expect(page.locator("#champion .verdict")).to_have_text("Version 7")
    refusals(page)  # a folder knows no other versions, which the page says


def test_the_second_view_shows_what_the_champion_has_learned(page):
    open_model_view(page)
    expect(page.get_by_role("textbox", name="A film review, in English")).to_be_hidden()
    expect(page.locator("#champion")).to_contain_text("accuracy")
    expect(page.locator("#champion")).to_contain_text("0.873")
    sides = page.locator("#terms .terms")
    assert "worst" in sides.nth(1).inner_text().split()
    assert "worst" not in sides.nth(0).inner_text().split()
    diagram = page.get_by_role("img", name=re.compile("50 percent said, 45 percent were"))
    assert diagram.locator("circle").count() == len(CALIBRATION)
    expect(page.locator("#versions")).to_contain_text("the registry knows the other versions")


def test_views_are_reached_by_key_and_by_address(page, api):
    tab = page.get_by_role("tab", name="Try")
    tab.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Model")).to_be_focused()
    expect(page.locator("#champion .verdict")).to_be_visible()
    refusals(page)
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("textbox", name="A film review, in English")).to_be_visible()
    page.goto(f"{api.base_url}/#model")
    page.reload()
    expect(page.locator("#champion .verdict")).to_be_visible()


def test_reload_asks_for_the_token(serve, browser, real_model):
    with serve(MODEL_SOURCE=real_model, ADMIN_TOKEN="t0ken") as api:  # pragma: allowlist secret
        headers = {"Authorization": "Bearer t0ken"}
        api.post("/admin/reload", headers=headers).raise_for_status()
        with opened(browser, api) as page:
            open_model_view(page)
            button, state = page.get_by_role("button", name="Reload now"), "#reload-state"
            button.click()
            expect(page.locator(state)).to_contain_text("admin token")
            page.get_by_label("Admin token").fill("t0ken")
            button.click()
            expect(page.locator(state)).to_have_text("Version 7 answers, as before.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_in_either_view(page, scheme, size):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(size)
    label(page, REVIEW)
    # With the page's own policy no script can be added to it: axe comes through the debugger.
    first = Axe().run(page).response
    open_model_view(page)
    second = Axe().run(page).response
    assert min(len(first["passes"]), len(second["passes"])) > 10
    found = first["violations"] + second["violations"]
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= size["width"]


def test_what_a_registry_says_is_shown_as_text(page):
    hostile = "<img src=x onerror=alert(1)>"
    page.route("**/model-versions", lambda route: route.fulfill(json={
        "model_name": "m", "versions": [{
            "version": "7", "created_at": "2026-01-01T00:00:00Z", "aliases": ["champion"],
            "verdict": "promoted", "reason": hostile, "metric": "f1", "score": 0.9,
            "decided_at": "2026-01-01T00:00:00Z",
        }],
    }))  # fmt: skip
    page.get_by_role("tab", name="Model").click()
    expect(page.locator("#versions")).to_contain_text(hostile)
    expect(page.locator("#champion")).to_contain_text(hostile)
    expect(page.locator("#versions")).to_contain_text("f1 0.900")
    expect(page.locator("#model img")).to_have_count(0)


def test_an_example_is_one_click(page):
    examples = page.get_by_role("group", name="Or try one of these:").get_by_role("button")
    assert examples.count() >= 3
    for example in examples.all():
        example.click()
        text = example.inner_text()
        expect(page.get_by_role("textbox")).to_have_value(text)
        expect(page.locator("#words")).to_have_text(text)


@pytest.mark.parametrize(
    ("thumb", "correct"), [("Yes, that is right", "true"), ("No, that is wrong", "false")]
)
def test_a_thumb_is_feedback_and_counts_once(page, api, thumb, correct):
    def counted():
        lines = [line for line in api.get("/metrics").text.splitlines() if line[0] != "#"]
        found = [line for line in lines if line.startswith("sentiment_feedback_total{")]
        right = [line for line in found if f'correct="{correct}"' in line]
        return tuple(sum(float(line.split()[-1]) for line in part) for part in (right, found))

    before = counted()
    label(page, REVIEW)
    button = page.get_by_role("button", name=thumb)
    button.click()
    expect(page.locator("#feedback-state")).to_contain_text("Thank you")
    expect(button).to_have_attribute("aria-pressed", "true")
    for other in page.locator(".thumb").all():
        other.click(force=True)
    label(page, "Another, better one. It is great.")
    expect(page.locator("#words")).to_contain_text("Another")
    expect(button).to_have_attribute("aria-pressed", "false")
    assert counted() == (before[0] + 1, before[1] + 1)


def test_feedback_that_fails_says_so_and_can_be_tried_again(page):
    label(page, REVIEW)
    page.route("**/feedback", lambda route: route.abort())
    thumb = page.get_by_role("button", name="Yes, that is right")
    thumb.click()
    expect(page.locator("#feedback-state")).to_have_text("Not counted: The API does not answer.")
    assert [url for url in page.failures if url.endswith("/feedback")]
    page.failures.clear()
    page.unroute("**/feedback")
    thumb.click()
    expect(page.locator("#feedback-state")).to_contain_text("Thank you")


def test_feedback_that_is_refused_shows_why(page, api):
    with page.expect_response("**/explain") as response:
        label(page, REVIEW)
    request_id = response.value.headers["x-request-id"]
    api.post("/feedback", json={"request_id": request_id, "sentiment": "positive"})
    page.get_by_role("button", name="No, that is wrong").click()
    expect(page.locator("#feedback-state")).to_contain_text("Not counted: The label of this")
    assert refusals(page)


def test_on_a_phone_the_summary_of_a_long_review_is_on_the_first_screen(page, long_review):
    page.set_viewport_size(PHONE)
    label(page, long_review)
    for part in (".verdict", ".meter", ".strongest >> nth=0"):
        top, bottom = top_and_bottom(page.locator(part))
        assert 0 < top < bottom < PHONE["height"], part
    words = page.locator("#words")
    assert words.evaluate("node => node.scrollHeight > 2 * node.clientHeight")
    assert top_and_bottom(words)[0] > top_and_bottom(page.locator("#summary"))[1]
    page_size = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    )
    assert page_size[0] <= PHONE["width"]
    assert page_size[1] < 2 * PHONE["height"]


def test_on_a_desktop_text_and_answer_stand_side_by_side(page, long_review):
    label(page, long_review)
    text, summary = page.locator("#text").bounding_box(), page.locator("#summary").bounding_box()
    assert text["x"] + text["width"] < summary["x"]
    assert abs(text["y"] - summary["y"]) < 100
    assert top_and_bottom(page.locator("#words"))[1] < DESKTOP["height"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_is_readable(page, scheme):
    def check(*expected):
        for text in expected:  # an answer may take a moment
            expect(page.locator("body")).to_contain_text(text)
        contrasts = page.evaluate(CONTRASTS)
        shown = [item["text"].strip() for item in contrasts]
        assert all(any(text in item for item in shown) for text in expected), shown
        assert [item for item in contrasts if item["ratio"] < 4.5] == []

    page.emulate_media(color_scheme=scheme)
    check("Is this review positive?", "Ctrl+Enter", "API documentation", "It appears here")
    label(page, REVIEW)
    check("wonderful", "boring,", "Strongest for", "Model version 7", "Label it")
    page.get_by_role("button", name="Yes, that is right").click()
    expect(page.locator("#feedback-state")).not_to_be_empty()
    check("Thank you")
    label(page, "A boring, awful waste of time.")
    check("negative, ")
    label(page, "long " * 5000)
    check("characters")
    assert refusals(page)


def test_the_keyboard_alone_is_enough(page):
    def focused():
        return page.evaluate("document.activeElement.id || document.activeElement.textContent")

    page.keyboard.press("Tab")
    assert focused() == "tab-try"  # the other one is reached by an arrow
    page.keyboard.press("Tab")
    assert focused() == "API documentation"
    page.keyboard.press("Tab")
    page.keyboard.type("Dull and badly acted.")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".verdict")).to_contain_text("negative")
    assert focused() == "text"
    for _ in page.locator(".example").all():
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#words")).to_contain_text("Wonderful")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert focused() == "send"
    # Not wait_for_function: what it repeats is a string, which the page's policy refuses to run.
    expect(page.locator("#send")).to_have_attribute("aria-disabled", "false")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.locator("#feedback-state")).to_contain_text("Thank you")
    assert page.evaluate("document.activeElement.ariaLabel") == "Yes, that is right"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert focused() == "words"
    outline = page.locator("#words").evaluate("node => getComputedStyle(node).outlineStyle")
    assert outline == "solid"


def test_screen_readers_hear_the_summary_and_every_control_has_a_name(page):
    label(page, REVIEW)
    summary = page.get_by_role("status").filter(has=page.locator(".verdict"))
    assert summary.get_attribute("aria-live") == "polite"
    # Two thousand words are not to be read out with it.
    assert summary.locator("#words").count() == 0
    # Colour is not the only sign: the strongest words are also said in words.
    expect(summary).to_contain_text("Strongest for positive: ")
    for role in ("textbox", "button", "link", "meter", "group"):
        for control in page.get_by_role(role).all():
            expect(control).to_have_accessible_name(re.compile(r"\w"))


def test_a_text_that_is_refused_is_explained(page):
    for text, reason in (("   ", "blank"), ("long " * 5000, "characters")):
        label(page, text)
        expect(page.locator(".error")).to_contain_text(reason)
        expect(page.get_by_role("textbox")).to_have_attribute("aria-invalid", "true")
        expect(page.locator("#words")).to_be_hidden()
    assert len(refusals(page)) == 2
    label(page, REVIEW)
    expect(page.get_by_role("textbox")).to_have_attribute("aria-invalid", "false")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_without_a_champion_the_page_says_at_once_how_to_make_one(
    browser, api_without_champion, scheme
):
    with opened(browser, api_without_champion) as page:
        page.emulate_media(color_scheme=scheme)
        # The page asks again by itself until the registry has answered the API.
        expect(page.locator(".error code").first).to_be_visible(timeout=60_000)
        for _ in range(2):
            expect(page.locator(".error")).to_contain_text("No champion exists")
            expect(page.locator(".error code").first).to_contain_text("sentiment-cli train")
            assert [item for item in page.evaluate(CONTRASTS) if item["ratio"] < 4.5] == []
            label(page, REVIEW)
        assert refusals(page)


def test_an_api_that_is_gone_is_named(page):
    page.route("**/explain", lambda route: route.abort())
    label(page, REVIEW)
    expect(page.locator(".error")).to_have_text("The API does not answer.")
    page.failures.clear()


def test_an_answer_that_is_no_json_is_no_riddle(page):
    page.route("**/explain", lambda route: route.fulfill(status=502, body="<h1>Bad</h1>"))
    label(page, REVIEW)
    expect(page.locator(".error")).to_have_text("The API answered with status 502.")
    assert refusals(page)


def test_the_documentation_is_linked(page, api):
    href = page.get_by_role("link", name="API documentation").get_attribute("href")
    assert href == "docs"  # relative, so that it works behind a prefix too
    assert api.get(f"/{href}").is_success


def test_text_is_never_taken_for_markup_and_no_script_but_its_own_runs(page, api):
    label(page, "<img src=x onerror=document.title='hacked'> great")
    expect(page.locator(".verdict")).to_contain_text("sure")
    assert page.title() == "Sentiment"
    assert page.locator("main img").count() == 0
    policy = api.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
