"""What serves is fitted on every row, and what is judged has not seen those held out."""

import numpy as np
import pandas as pd
import pytest

from sentiment_core.errors import DataError
from sentiment_core.model_package import load_package
from sentiment_train.data.dataset import load_dataset, text_fingerprints
from sentiment_train.data.sources.package import PackageSource
from sentiment_train.data.split import split_dataset
from sentiment_train.flows.training import train_sentiment_model
from sentiment_train.model import trained
from sentiment_train.model.evaluation import evaluate
from sentiment_train.registry.comparison import HeldOutComparison
from sentiment_train.registry.judged_model import JUDGED_FILE, read_judged, read_training_rows
from sentiment_train.registry.versions import Registry

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("prefect_server"),
    pytest.mark.filterwarnings("default"),
]


def with_data(params, **values):
    return params.model_copy(update={"data": params.data.model_copy(update=values)})


@pytest.fixture(scope="session")
def params(project_params):
    return project_params


@pytest.fixture
def train(settings, reviews_file, params):
    def run(**data):
        return train_sentiment_model(
            data_path=str(reviews_file), params=with_data(params, **data), promote=True
        )

    return run


@pytest.fixture
def registry(settings):
    return Registry(settings.model_name)


def test_what_serves_has_seen_every_row_and_the_figures_are_those_of_one_that_has_not(
    train, registry
):
    result = train()
    with registry.package("1") as folder:
        served = load_package(folder)
        judged, training_rows = read_judged(folder, served.scorer)
        every_row = read_training_rows(folder)
        card = (folder / "MODEL_CARD.md").read_text()
    assert served.scorer.digest == result.scorer_digest != judged.digest
    assert (len(training_rows), len(every_row)) == (480, 600)
    assert set(training_rows) < set(every_row)
    assert served.metrics == result.metrics == registry_metrics(registry)
    assert "fitted on all 600 rows afterwards" in card


def registry_metrics(registry):
    return registry.run_record(registry.resolve("1")).metrics


def test_without_refit_the_judged_model_serves(train, registry):
    result = train(refit=False)
    with registry.package("1") as folder:
        served = load_package(folder).scorer
        judged, rows = read_judged(folder, served)
        assert not (folder / JUDGED_FILE).exists()
        assert "has not seen the held-out rows" in (folder / "MODEL_CARD.md").read_text()
    assert served.digest == judged.digest == result.scorer_digest
    assert len(rows) == 480


def test_two_trainings_of_the_same_rows_are_compared_fairly(train, params, reviews_file):
    """The champion has seen all of them by now; the one that is compared has not."""
    train()
    other = train(test_size=params.data.test_size)
    assert other.decision.verdict == "not-promoted"
    assert other.decision.candidate_score == other.decision.champion_score
    assert other.decision.n_rows == 120


def test_a_champion_whose_judged_model_is_damaged_is_judged_on_what_it_has_not_seen(
    train, registry, settings, reviews_file, params, caplog
):
    train()
    (stored,) = (settings.home / "artifacts").rglob(JUDGED_FILE)
    stored.write_bytes(stored.read_bytes()[:-100])
    frame = load_dataset(reviews_file)
    with registry.package("1") as folder:
        served = load_package(folder).scorer
    comparison = HeldOutComparison(
        registry, served, frame, text_fingerprints(frame["text"]), params.promotion
    )
    assert "0 of 600 held-out rows" in comparison.compare("1").reason
    assert comparison.compare("1").objection
    assert "judged model of version 1 is damaged" in caplog.text


@pytest.fixture
def with_reference(settings, reviews_file, params, tmp_path):
    def run(rows, *, alpha=1.0):
        rows.to_csv(tmp_path / "reference.csv", index=False)
        promotion = params.promotion.model_copy(
            update={"reference": str(tmp_path / "reference.csv"), "alpha": alpha}
        )
        return train_sentiment_model(
            data_path=str(reviews_file), promote=True,
            params=params.model_copy(update={"promotion": promotion}),
        )  # fmt: skip

    return run


def test_a_reference_set_decides_where_there_is_one(train, with_reference, reviews_file):
    train(test_size=0.7)  # fewer training rows
    seen = load_dataset(reviews_file).head(50)
    others = PackageSource().load().sample(900, random_state=5)
    others = others[~others["text"].isin(load_dataset(reviews_file)["text"])]
    result = with_reference(pd.concat([seen, others]))
    assert result.decision.promoted
    assert " reference rows" in result.decision.reason
    assert len(others) < result.decision.n_rows < len(others) + len(seen)


def test_a_reference_set_that_was_trained_on_judges_nobody(
    with_reference, registry, reviews_file, params
):
    frame = load_dataset(reviews_file)
    train = split_dataset(
        frame, text_fingerprints(frame["text"]), test_size=params.data.test_size,
        seed=params.data.seed,
    ).train  # fmt: skip
    others = PackageSource().load().sample(500, random_state=5)
    rows = pd.concat([train[train["label"] == 1].head(60), others[others["label"] == 0].head(60)])
    with pytest.raises(DataError, match=r"promotion\.reference.*keep the reference set apart"):
        with_reference(rows)
    assert registry.champion() is None


def test_a_refitted_model_that_knows_less_does_not_serve(
    train, registry, params, monkeypatch, caplog
):
    fit = trained.fit_scorer

    def worse(rows, params, unlabelled=(), **_):
        flipped = rows.assign(label=1 - rows["label"])
        return fit(flipped, params, unlabelled)

    monkeypatch.setattr(trained, "fit_scorer", worse)
    result = train()
    assert "the latter will serve" in caplog.text
    with registry.package("1") as folder:
        served = load_package(folder)
        assert not (folder / JUDGED_FILE).exists()
    assert served.scorer.digest == result.scorer_digest
    assert result.metrics["accuracy"] > 0.7


def test_reviews_without_labels_are_learned_from_where_they_help(train, registry, tmp_path):
    reviews = PackageSource().load().sample(7000, random_state=7)
    reviews[["text"]].head(3000).to_csv(tmp_path / "texts.csv", index=False)
    result = train(unlabelled=str(tmp_path / "texts.csv"))
    assert "with them" in result.unlabelled
    assert "they are learned from" in result.unlabelled
    run = registry.run_record(registry.resolve("1"))
    assert 2_900 < int(run.tags["data.unlabelled.rows"]) < 3_000
    with registry.package("1") as folder:
        assert "they are learned from" in (folder / "MODEL_CARD.md").read_text()
        scorer = load_package(folder).scorer
    unseen = reviews.tail(4000)
    probabilities = scorer.predict_proba(unseen["text"].tolist())[:, 1]
    assert evaluate(unseen["label"], probabilities).accuracy > 0.855  # 0.839 without them


def test_reviews_without_labels_that_do_not_help_are_left_out(train, registry, tmp_path):
    nonsense = np.random.default_rng(1).permutation(["the", "a", "of", "and", "it"] * 40)
    (tmp_path / "texts.csv").write_text(
        "text\n" + "\n".join(" ".join(nonsense[n : n + 8]) for n in range(190))
    )
    result = train(unlabelled=str(tmp_path / "texts.csv"))
    assert "they do not help, and are left out" in result.unlabelled
    with registry.package("1") as folder:
        assert "do not help" in (folder / "MODEL_CARD.md").read_text()
