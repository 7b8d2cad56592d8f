"""What is cleaned and what never is, as a property and on a real MLflow database."""

from datetime import UTC, datetime, timedelta

import mlflow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.entities import ViewType

from sentiment_core.folder_store import FolderStore
from sentiment_train.registry.export import export_champion
from sentiment_train.registry.retention import (
    RetentionTerms,
    clean_registry,
    expired_exports,
    expired_versions,
    purge,
)
from sentiment_train.registry.versions import Registry, VersionInfo

pytestmark = pytest.mark.filterwarnings("default")  # MLflow's own

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime.now(UTC) + timedelta(days=365)
TERMS = RetentionTerms(versions=2, days=30)
NAMES = st.sampled_from(["champion", "challenger", "previous", "mine"])


@st.composite
def registries(draw):
    count = draw(st.integers(0, 12))
    ages = draw(st.lists(st.floats(0, 60), min_size=count, max_size=count))
    aliases = draw(st.lists(st.sets(NAMES, max_size=1), min_size=count, max_size=count))
    return [
        VersionInfo(
            version=str(number), aliases=tuple(named), run_id="", source="", tags={},
            created_at=NOW - timedelta(days=age),
        )
        for number, (age, named) in enumerate(zip(ages, aliases, strict=True), start=1)
    ]  # fmt: skip


@given(
    registries(), st.sets(st.sampled_from([str(n) for n in range(1, 13)])), st.integers(1, 5),
    st.floats(0.5, 60),
)  # fmt: skip
def test_what_anything_leads_to_stays_and_the_rest_is_bounded(versions, remembered, keep, days):
    terms = RetentionTerms(keep, days)
    gone = expired_versions(versions, remembered, terms, NOW)
    kept = [info for info in versions if info not in gone]
    assert [info for info in versions if info.aliases or info.version in remembered] == [
        info for info in kept if info.aliases or info.version in remembered
    ]
    assert versions[-keep:] == kept[-keep:]
    young = {info.version for info in versions if info.created_at >= terms.cutoff(NOW)}
    assert not young & {info.version for info in gone}
    unbound = [info for info in kept if not info.aliases and info.version not in remembered]
    assert len([info for info in unbound if info.version not in young]) <= keep
    assert not expired_versions(kept, remembered, terms, NOW)


@given(st.sets(st.integers(1, 9)), st.sets(st.integers(1, 9)), st.integers(1, 9) | st.none())
def test_of_exports_the_pointers_and_those_of_kept_versions_stay(exported, known, pointed):
    exported, known = set(map(str, exported)), set(map(str, known))
    gone = set(expired_exports(exported, known, pointed and str(pointed)))
    assert gone <= exported - known - {str(pointed)}
    assert gone == (exported - known - {str(pointed)} if known else set())


def size_of(folder):
    files = [path for path in folder.rglob("*") if path.is_file() and path.parent != folder]
    return len(files)


def count_rows(client):
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(ids, run_view_type=ViewType.ALL)
    return len(runs), len(client.search_logged_models(ids))


def test_sizes_stay_flat_while_champions_come_and_go(two_versions, new_version, settings, tmp_path):
    mlflow.set_experiment("small")
    client = mlflow.MlflowClient()
    store = FolderStore(tmp_path / "bucket")
    registry, sizes = two_versions, []
    remembered = RetentionTerms(versions=1, days=30)
    client.set_registered_model_alias(registry.name, "mine", "1")
    for _round in range(3):
        registry.make_challenger(new_version(registry))
        new_version(registry)
        registry.set_alias("champion", registry.versions()[0].version)
        export_champion(registry, store)
        # As if nobody could return to a former champion any more.
        client.delete_registered_model_tag(registry.name, "champion.history")
        clean_registry(registry, store, "small", remembered, now=LATER)
        assert purge(settings.tracking_uri, 0)
        sizes.append((len(registry.versions()), count_rows(client), size_of(tmp_path / "bucket"),
                      size_of(settings.home)))  # fmt: skip
        assert registry.load(registry.champion()).scorer.predict_positive("good") > 0.5
    assert sizes[1] == sizes[2]
    assert registry.resolve("mine").version == "1"
    assert registry.resolve("challenger").aliases == ("challenger",)


def test_a_dry_run_tells_the_same_and_changes_nothing(two_versions, new_version, tmp_path):
    mlflow.set_experiment("small")
    registry = two_versions
    for _ in range(3):
        new_version(registry)
    registry.make_champion("1")
    store = FolderStore(tmp_path / "bucket")
    export_champion(registry, store)
    before = registry.versions()
    told = clean_registry(registry, store, "small", TERMS, dry_run=True, now=LATER)
    assert registry.versions() == before
    assert told.versions == ("2", "3")
    assert len(told.runs) == 2
    assert clean_registry(registry, store, "small", TERMS, now=LATER) == told
    again = clean_registry(registry, store, "small", TERMS, now=LATER)
    assert again == type(told)((), (), ())
    assert not clean_registry(registry, store, "small", TERMS).versions  # nothing is old yet


def test_a_version_that_is_named_meanwhile_stays_with_its_run(
    two_versions, new_version, monkeypatch
):
    mlflow.set_experiment("small")
    registry, client = two_versions, mlflow.MlflowClient()
    for _ in range(3):
        new_version(registry)
    delete = mlflow.MlflowClient.delete_model_version

    def name_the_next(self, name, version):
        client.set_registered_model_alias(name, "mine", "2")
        delete(self, name, version)

    monkeypatch.setattr(mlflow.MlflowClient, "delete_model_version", name_the_next)
    done = clean_registry(registry, None, "small", RetentionTerms(1, 30), now=LATER)
    assert done.versions == ("1", "3", "4")
    kept = registry.resolve("mine")
    assert registry.load(kept.version)
    assert client.get_run(kept.run_id).info.lifecycle_stage == "active"
    assert len(done.runs) == 3


@pytest.mark.parametrize("step", range(6))
def test_whatever_it_stops_at_the_champion_loads_and_the_next_time_ends_it(
    two_versions, new_version, tmp_path, step
):
    mlflow.set_experiment("small")
    registry = two_versions
    store = FolderStore(tmp_path / "bucket")
    for version in ("1", "2"):
        registry.make_champion(version)
        export_champion(registry, store)
    mlflow.MlflowClient().delete_registered_model_tag(registry.name, "champion.history")
    mlflow.MlflowClient().delete_registered_model_alias(registry.name, "previous")
    new_version(registry)
    calls = 0

    class Stopped(Exception):  # noqa: N818 - no error
        pass

    def stopping(patch, cls, name):
        original = getattr(cls, name)

        def call(*arguments, **options):
            nonlocal calls
            if calls == step:
                raise Stopped
            calls += 1
            return original(*arguments, **options)

        patch.setattr(cls, name, call)

    terms = RetentionTerms(versions=1, days=30)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("delete_model_version", "delete_logged_model", "delete_run"):
            stopping(patch, mlflow.MlflowClient, name)
        stopping(patch, FolderStore, "delete")
        with pytest.raises(Stopped):
            clean_registry(registry, store, "small", terms, now=LATER)
    assert registry.load(registry.champion())
    clean_registry(Registry(registry.name), store, "small", terms, now=LATER)
    assert [info.version for info in registry.versions()] == ["3", "2"]
    assert {item.key.split("/")[1] for item in store.list(f"{registry.name}/")} == {
        "2", "champion.json",
    }  # fmt: skip
