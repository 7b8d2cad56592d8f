"""Every command on the real flow, registry and reviews."""

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import pandas as pd
import psutil
import pytest
from mlflow import MlflowClient

from sentiment_core.errors import ScorerError
from sentiment_core.params import load_params
from sentiment_train.data.sources.package import PackageSource
from sentiment_train.registry.lease import LEASE_TAG
from sentiment_train.registry.model_record import MlflowRecord
from sentiment_train.registry.versions import Registry
from tests.support.training import copy_home

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # Prefect's and MLflow's own warnings
]


@pytest.fixture(scope="session")
def trained_projects(tmp_path_factory):
    """A folder for the one project that is trained in, and copied."""
    return tmp_path_factory.mktemp("trained")


@pytest.fixture
def trained(cli, tmp_path, trained_projects):
    """Version 1 is weak and the champion before version 2."""
    original = trained_projects / "project"
    if not original.exists():
        cli("prepare-data", "--samples", 200, "--output", "weak.csv")
        cli("train", "--champion", "--data-path", "weak.csv")
        cli("train", "--champion", "--samples", 1000)
        copy_home(tmp_path / "home", trained_projects / "home")
        shutil.copytree(tmp_path, original, ignore=shutil.ignore_patterns("home"))
    else:
        shutil.copytree(original, tmp_path, dirs_exist_ok=True)
        copy_home(trained_projects / "home", tmp_path / "home")
    return cli


def test_train_prints_what_the_documentation_shows(cli, tmp_path):
    result = cli("train", "--champion", "--samples", 300, "--output-metrics", "out/metrics.json")
    lines = result.stdout.splitlines()
    assert lines[0] == "Starting training flow with data: data/imdb_sample_300.csv"
    assert lines[1].startswith("Metrics: {'accuracy': 0.")
    assert lines[2].startswith("MLflow run ID: ")
    assert lines[3] == "Registered model version: 1"
    assert lines[4:7] == ["=" * 50, "Training completed!", "=" * 50]
    assert lines[7] == lines[2].replace("MLflow run", "Run")
    metrics = json.loads((tmp_path / "out/metrics.json").read_text())
    assert lines[9] == f"  accuracy: {metrics['accuracy']:.4f}"
    assert lines[-2:] == [
        "Model version: 1",
        "Status: Set as champion (there was no champion)",
    ]


def test_a_teams_own_table_is_trained_on_and_judged(cli, tmp_path):
    cli("prepare-data", "--samples", 400, "--output", "plain.csv")
    plain = pd.read_csv("plain.csv")
    stars = plain["label"].map({0: 1, 1: 5}).where(plain.index % 10 > 0, 3)
    pd.DataFrame({"review": plain["text"], "stars": stars}).to_parquet("mine.parquet")
    options = ["--text-column", "review", "--label-column", "stars",
               "--negative", "1,2", "--neutral", "3", "--positive", "4,5"]  # fmt: skip
    mistake = cli("train", "--data-path", "mine.parquet", exit_code=1).stderr
    assert "add --text-column review --label-column stars" in mistake
    wrong = cli("train", "--data-path", "mine.parquet", *options[:4], "--negative", "1",
                "--positive", "5", exit_code=1).stderr  # fmt: skip
    assert "a label other than 1 or 5 in rows 1 ('3'), 11" in wrong
    twice = cli("train", "--data-path", "mine.parquet", "--positive", "0", exit_code=2)
    assert "stands there twice" in twice.stderr
    choices, names = Path("params.yaml"), "labels: {negative: complaint, positive: praise}"
    choices.write_text(choices.read_text().replace("labels: null", names))
    made = cli("train", "--champion", "--data-path", "mine.parquet", *options, "--json")
    assert made["decision"]["verdict"] == "promoted"
    params = cli("model-info", "champion", "--json")["params"]
    assert json.loads(params["data.columns"])["neutral"] == ["3"]
    assert cli("predict", "Wonderful, a great film").stdout.startswith("praise (")
    (answer,) = cli("predict", "Wonderful, a great film", "--json")
    assert (answer["sentiment"], answer["label"]) == ("positive", "praise")
    judged = cli(
        "evaluate", "--data-path", "mine.parquet", *options, "--output-report", "report.html"
    ).stdout
    assert re.search(r"on 360 reviews \(\d+ praise\)", judged)
    assert re.search(r"of them praise;", Path("report.html").read_text())
    assert cli("evaluate", "--data-path", "mine.parquet", *options, "--json")["n_rows"] == 360
    prepared = cli("prepare-data", "--input", "mine.parquet", "--samples", 100, "--output",
                   "drawn.csv", *options, "--json")  # fmt: skip
    assert prepared["rows"] == 100
    assert "--neutral 3" in prepared["source"]
    other = cli("prepare-data", "--input", "mine.parquet", "--samples", 100, "--output",
                "drawn.csv", *options[:4], "--negative", "1",
                "--neutral", "2,3", "--positive", "4,5")  # fmt: skip
    assert "It was there, but with" in other.stdout


def test_reviews_without_labels_are_tried_and_it_is_said_what_they_gave(cli, tmp_path):
    Path("texts.jsonl").write_text(
        "".join(json.dumps({"text": f"a fine film of part {n}"}) + "\n" for n in range(60))
    )
    result = cli("train", "--samples", 200, "--unlabelled", "texts.jsonl")
    assert re.search(r"60 reviews without labels: held-out log loss 0\.\d+ with", result.stdout)
    missing = cli("train", "--samples", 200, "--unlabelled", "none.csv", exit_code=1).stderr
    assert "No file or folder none.csv" in missing


def test_better_parameters_are_searched_written_and_can_be_trained_with(cli):
    text = Path("params.yaml").read_text()
    ranges = "    model.C: {low: 0.01, high: 100, log: true}\n"
    Path("params.yaml").write_text(text.partition("  ranges:\n")[0] + "  ranges:\n" + ranges)
    cli("prepare-data", "--samples", 200, "--output", "mine.csv")
    command = ["tune", "--trials", 2, "--jobs", 1, "--data-path", "mine.csv"]
    result = cli(*command, "--json")
    assert result["log_loss"] <= result["start"]
    tuned = load_params(Path("params.tuned.yaml"))
    assert result["parameters"]["model.C"] == tuned.model.C
    runs = MlflowClient().search_runs(
        ["1"], "tags.tuning != ''", order_by=["attributes.start_time"]
    )
    assert [run.info.run_name.partition("-")[0] for run in runs] == ["tune", "trial", "trial"]
    assert "Best cross-validated log loss" in cli(*command).stdout  # nothing is left to try
    made = cli("train", "--params", "params.tuned.yaml", "--data-path", "mine.csv", "--json")
    assert made["model_version"] == "1"


def test_train_without_promotion_or_registration_says_so(cli):
    result = cli("train", "--samples", 200)
    assert (
        "Status: Registered (promote with --champion, or mark it with --challenger)"
        in result.stdout
    )
    result = cli("train", "--samples", 200, "--challenger")
    assert "Status: Registered as challenger (promote with --champion)" in result.stdout
    result = cli("train", "--samples", 200, "--no-register")
    assert "Status: Logged, not registered" in result.stdout
    again = cli("train", "--samples", 200, "--champion", "--json")
    assert again["decision"]["verdict"] == "promoted"
    result = cli("train", "--samples", 200, "--champion")
    assert "Not promoted (the champion stays: version 3 and this one have 40 held" in result.stdout
    assert "too few to tell them apart: 30 negative and 30 positive rows" in result.stdout


def test_versions_are_listed_and_shown(trained, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    versions = trained("list-versions", "--json")
    assert [(info["version"], info["aliases"]) for info in versions] == [
        ("2", ["champion"]),
        ("1", ["previous"]),
    ]
    table = trained("list-versions").stdout
    assert "@champion" in table
    assert versions[0]["run_id"] in table

    info = trained("model-info", "--json")
    assert list(info.items())[:2] == [("model_name", "sentiment-classifier"), ("version", "2")]
    assert info["metrics"]["f1"] > 0.8
    assert info["params"]["data.samples"] == "1000"
    assert info["tags"]["promotion.verdict"] == "promoted"
    assert (
        f"model.C: {load_params(Path('params.yaml')).model.C}"
        in trained("model-info", "@previous").stdout
    )


def test_versions_are_compared(trained):
    comparison = trained("compare", "champion", "1", "--json")
    assert [info["version"] for info in comparison["versions"]] == ["2", "1"]
    assert comparison["same_held_out_rows"] is False
    text = trained("compare", "2", "previous").stdout
    assert "accuracy" in text
    assert "not comparable" in text
    assert re.search(r"promotion\.reason .*f1 0\.\d{4} against 0\.\d{4} of version 1", text)
    assert re.search(r"promotion\.guardrails .*slowdown: \d", text)
    assert "not comparable" not in trained("compare", "2", "champion").stdout


def test_versions_are_judged_on_reviews_of_ones_own(trained, tmp_path):
    trained("prepare-data", "--samples", 300, "--seed", 7, "--output", "mine.csv")
    plain = trained("evaluate", "--data-path", "mine.csv", "--json")
    assert (plain["version"], plain["n_rows"], plain["n_positive"]) == ("2", 300, 150)
    assert plain["against"] is None
    for figure in plain["figures"].values():
        assert figure["low"] <= figure["value"] <= figure["high"]
    assert sum(part["n_rows"] for part in plain["slices"]) == 300
    assert [answer["label"] != answer["predicted"] for answer in plain["worst"]] == [True] * 5

    weak = trained(
        "evaluate", "--data-path", "mine.csv", "--model", "previous", "--against", "champion"
    )
    assert "sentiment-classifier on 300 reviews (150 positive)" in weak.stdout
    assert "More than 2" in weak.stdout
    assert "p 1.0000: so probable is" in weak.stdout
    assert "because of" in weak.stdout
    strong = trained("evaluate", "--data-path", "mine.csv", "--against", "previous", "--json")
    assert strong["against"]["version"] == "1"
    assert strong["against"]["p_value"] < 0.01
    assert strong["against"]["differences"]["accuracy"]["value"] > 0


def test_reviews_of_the_training_are_named_and_can_be_left_out(trained):
    trained("prepare-data", "--samples", 100, "--seed", 7, "--output", "other.csv")
    rows = pd.concat([pd.read_csv("weak.csv").assign(shop="a"), pd.read_csv("other.csv")])
    rows.to_csv("both.csv", index=False)
    result = trained(
        "evaluate", "--data-path", "both.csv", "--model", "1", "--worst", 0, "--by", "shop"
    )
    note = re.search(r"Note: version 1 was trained on (\d+) of these 300 reviews", result.stderr)
    assert 200 <= int(note[1]) < 210
    assert "on 300 reviews" in result.stdout
    assert "Accuracy by shop" in result.stdout
    unseen = trained("evaluate", "--data-path", "both.csv", "--model", "1", "--unseen", "--json")
    assert unseen["n_rows"] == 300 - int(note[1])


def test_a_report_and_suspects_are_written_and_the_run_keeps_the_report(cli):
    # In a home of its own: MLflow remembers where the artifacts of a run are.
    run_id = cli("train", "--samples", 200, "--champion", "--json")["run_id"]
    Path("checks.yaml").write_text(
        "- name: praise\n  expects: more positive\n  pairs: [[A film., A great film.]]\n"
    )
    result = cli(
        "evaluate", "--data-path", "data/imdb_sample_200.csv", "--output-report", "out/report.html",
        "--behaviour", "checks.yaml", "--output-suspects", "suspects.csv",
    )  # fmt: skip
    assert "1 of 1" in result.stdout
    assert "Wrote out/report.html" in result.stderr
    assert "praise" in Path("out/report.html").read_text()
    assert [file.path for file in MlflowClient().list_artifacts(run_id, "reports")] == [
        "reports/report.html"
    ]
    suspects = pd.read_csv("suspects.csv")
    assert list(suspects.columns) == ["row", "label", "probably", "probability", "text"]
    assert (suspects["label"] != suspects["probably"]).all()


def test_aliases_move_and_go(trained):
    trained("set-alias", "--version", "1", "--alias", "trial")
    assert trained("model-info", "trial", "--json")["version"] == "1"
    moved = trained("set-alias", "--version", "2", "--alias", "trial", "--json")
    assert moved == {"model_name": "sentiment-classifier", "alias": "trial", "version": "2"}
    assert trained("delete-alias", "--alias", "trial", "--json")["deleted"] is True
    trained("delete-alias", "--alias", "trial", exit_code=1)
    trained("set-alias", "--version", "1", "--alias", "champion")
    assert trained("model-info", "previous", "--json")["version"] == "2"
    trained("set-alias", "--version", "1", "--alias", "champion")  # twice is once
    assert trained("model-info", "previous", "--json")["version"] == "2"


def test_a_rollback_walks_back_and_says_where_it_is(trained):
    trained("set-alias", "--version", "1", "--alias", "champion")
    text = trained("rollback").stdout
    assert "version 2 again (it was 1); 1 earlier champion is left" in text
    assert trained("rollback", "--json") == {
        "model_name": "sentiment-classifier",
        "former": "2",
        "champion": "1",
        "earlier": 0,
        "passed_over": [],
    }
    result = trained("rollback", "--only-from", "2", exit_code=1)
    assert "is version 1, not 2: nothing was changed" in result.stderr
    result = trained("rollback", exit_code=1)
    assert "no previous champion to roll back to" in result.stderr
    assert "set-alias --alias champion" in result.stderr


def test_a_rollback_passes_over_a_damaged_champion(trained, monkeypatch):
    trained("set-alias", "--version", "1", "--alias", "champion")
    load = Registry.load

    def damaged(registry, version):
        if version == "2":
            raise ScorerError("The scorer file is damaged.")
        return load(registry, version)

    monkeypatch.setattr(Registry, "load", damaged)
    text = trained("rollback").stdout
    assert "version 1 again (it was 1); no earlier champion is left" in text
    assert "Passed over, as they cannot serve: version 2" in text


def test_what_is_old_is_deleted_but_for_what_an_alias_names(trained, monkeypatch):
    trained("train", "--samples", 100)
    monkeypatch.setenv("RETENTION_DAYS", "1e-9")
    monkeypatch.setenv("RETENTION_VERSIONS", "1")
    assert trained("clean", "--yes", "--json")["versions"] == []  # rollback may return to 1
    trained("rollback")
    told = trained("clean", "--dry-run", "--json")
    assert (told["versions"], told["deleted"]) == (["2"], False)
    assert "Nobody can answer here" in trained("clean", exit_code=1).output
    shown = trained("clean", "--yes").output
    assert "Versions that go: 2" in shown
    assert "They are gone." in shown
    assert trained("clean", "--yes", "--json")["versions"] == []
    versions = trained("list-versions", "--json")
    assert {info["version"]: info["aliases"] for info in versions} == {"1": ["champion"], "3": []}


@pytest.mark.parametrize("reference", ["trial", "@trial", "1"])
def test_an_alias_is_set_to_what_another_alias_names(trained, reference):
    trained("set-alias", "--version", "1", "--alias", "trial")
    moved = trained("set-alias", "--version", reference, "--alias", "champion", "--json")
    assert moved["version"] == "1"
    assert trained("model-info", "--json")["version"] == "1"


def test_every_command_that_may_move_the_champion_makes_up_for_a_failed_export(
    trained, monkeypatch, tmp_path
):
    target = tmp_path / "exported"
    monkeypatch.setenv("MODEL_EXPORT_URI", str(target))

    def exported():
        return json.loads((target / "sentiment-classifier/champion.json").read_text())["version"]

    def diagnosis():
        return next(check for check in trained("doctor", "--json") if check["name"] == "export")

    report = trained("doctor", "--json", exit_code=1)
    (behind,) = [check for check in report if check["status"] == "failed"]
    assert behind["name"] == "export"
    assert behind["advice"] == "Run `sentiment-cli export-champion`."
    target.write_text("no folder")
    result = trained("set-alias", "--version", "1", "--alias", "champion", exit_code=1)
    assert "stays what it is" in result.stderr
    assert "export-champion" in result.stderr
    assert trained("model-info", "--json")["version"] == "1"
    target.unlink()
    trained("set-alias", "--version", "2", "--alias", "trial")  # any change of an alias
    assert exported() == "1"
    assert diagnosis()["status"] == "ok"
    trained("rollback")
    assert exported() == "2"
    trained("delete-alias", "--alias", "trial")
    assert exported() == "2"


def test_a_waiting_command_says_for_whom_it_waits(trained, monkeypatch):
    record = MlflowRecord("sentiment-classifier", mlflow.MlflowClient())
    flag = {"holder": "promotion of version 9", "since": "yesterday", "seconds": 3.0}
    record.set_tag(f"{LEASE_TAG}dead", json.dumps(flag))
    result = trained("set-alias", "--version", "1", "--alias", "trial")
    assert "Waiting for the promotion of version 9, since yesterday" in result.stderr
    monkeypatch.setenv("PROMOTION_WAIT_SECONDS", "0")
    record.set_tag(f"{LEASE_TAG}dead", json.dumps(flag))
    result = trained("set-alias", "--version", "1", "--alias", "trial", exit_code=1)
    assert "is being changed: promotion of version 9" in result.stderr


def test_predictions_are_made_and_explained(trained):
    good, bad = trained("predict", "A wonderful film", "Awful, boring mess", "--json")
    assert (good["sentiment"], bad["sentiment"]) == ("positive", "negative")
    assert good["model_version"] == "2"
    text = trained("predict", "A wonderful film", "--explain").stdout
    assert "wonderful" in text.splitlines()[1]
    assert "log-odds of positive" in text
    (explained,) = trained("predict", "A wonderful film", "--explain", "--json")
    assert explained["terms"][0]["term"] == "wonderful"
    other = trained("predict", "fine", "--model", "1", "--json")
    assert other[0]["model_version"] == "1"


def test_a_file_of_any_size_is_labelled_in_processes_once(trained, tmp_path):
    trained("prepare-data", "--samples", 300, "--output", "in.csv")
    arguments = ("predict-batch", "in.csv", "out.csv", "--explain", 2)
    printed = trained(*arguments).stdout
    assert re.fullmatch(r"out\.csv: 300 rows \(\d\d\.\d% positive\), version 2\n", printed)
    labelled = pd.read_csv("out.csv")
    accuracy = ((labelled["sentiment"] == "positive") == labelled["label"]).mean()
    assert accuracy > 0.8
    assert labelled["terms"].map(json.loads).map(len).eq(2).all()
    written = (tmp_path / "out.csv").stat().st_mtime_ns
    (again,) = trained(*arguments, "--json")
    assert (again["n_rows"], again["n_refused"], again["model_version"]) == (300, 0, "2")
    assert (tmp_path / "out.csv").stat().st_mtime_ns == written
    other = trained(*arguments, "--model", "1", exit_code=1).stderr
    assert "out.csv is there: --overwrite replaces it." in other
    (again,) = trained(*arguments, "--model", "1", "--overwrite", "--json")
    assert again["model_version"] == "1"
    trained("predict-batch", "none.csv", "out2.csv", exit_code=1)
    trained("predict-batch", "in.csv", "out.txt", exit_code=1)


def test_a_labelling_that_is_killed_goes_on_and_its_processes_end(trained, tmp_path):
    reviews = PackageSource().load().head(20_000)
    reviews.assign(row=range(len(reviews))).to_csv("in.csv", index=False)
    command = [str(Path(sys.executable).parent / "sentiment-cli"), "predict-batch", "in.csv",
               "out.csv", "--jobs", "2"]  # fmt: skip
    process = subprocess.Popen(command)
    journal = tmp_path / "out.csv.partial" / "journal.json"
    while not journal.exists():
        assert process.poll() is None
        time.sleep(0.01)
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive
    assert 0 < json.loads(journal.read_text())["last"] < 20_000
    subprocess.run(command, check=True)
    assert pd.read_csv("out.csv")["row"].tolist() == list(range(20_000))


def test_reviews_come_from_standard_input_and_files(trained, tmp_path):
    texts = ["A wonderful film", "Awful, boring mess"]
    (tmp_path / "reviews.txt").write_bytes("\ufeff{}\r\n\n  \n{}".format(*texts).encode())
    expected = trained("predict", *texts, "--json")
    assert [item["sentiment"] for item in expected] == ["positive", "negative"]
    lines = "\n".join(texts) + "\n\n"
    assert trained("predict", "--file", "reviews.txt", "--json") == expected
    assert trained("predict", "-", "--json", stdin=lines) == expected
    assert trained("predict", "--json", stdin=lines) == expected
    assert trained("predict", "--file", "-", "--json", stdin=lines) == expected
    both = trained("predict", texts[1], "-f", "reviews.txt", "--json")
    assert both == [expected[1], *expected]
    printed = trained("predict", stdin=lines).stdout.splitlines()
    assert [line.split(") ")[1] for line in printed] == texts


def test_a_review_of_unknown_words_says_so(trained):
    known, unknown = trained("predict", "A fine film", "12345 !!!", "--json")
    assert "low_information" not in known
    assert unknown["low_information"] is True
    printed = trained("predict", "Прекрасный фильм").stdout
    assert ") [low information: few known words] Прекрасный фильм" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", ""], "Error: The text is blank; there is nothing to label."),
        (["predict", "fine", "  "], "Error: Text 2 of 2: The text is blank;"),
        (["predict", "-"], "Error: There is no review in standard input: write one each line."),
        (["predict", "--file", "none.txt"], "Error: Cannot read none.txt: No such file"),
        (["predict", "--file", "latin1.txt"], "Error: Line 2 of latin1.txt is not UTF-8"),
    ],
)
def test_nothing_to_label_is_a_plain_error(trained, tmp_path, arguments, message):
    (tmp_path / "latin1.txt").write_bytes(b"fine\ncaf\xe9\n")
    assert message in trained(*arguments, exit_code=1, stdin="\n \n").stderr


def test_prepare_data_keeps_what_is_asked_for_and_makes_the_rest_again(cli, tmp_path):
    made = cli("prepare-data", "--samples", 40, "--json")
    assert (made["created"], made["rows"], made["source_name"]) == (True, 40, "package")
    kept = cli("prepare-data", "--samples", 40, "--json")
    assert kept == made | {"created": False}
    assert "Kept data/imdb_sample.csv: 40 reviews" in cli("prepare-data", "--samples", 40).stdout
    again = cli("prepare-data", "--samples", 60, "--seed", 7).stdout
    assert "60 reviews (30 positive)" in again
    assert "It was there, but with samples 40, not 60; seed 42, not 7" in again
    assert "Licence: MIT for the wheel" in again

    (tmp_path / "data/imdb_sample.csv").write_text("text,label\nmine,1\n")
    refused = cli("prepare-data", "--samples", 60, exit_code=1)
    assert "was changed since prepare-data made it, so it is kept" in refused.stderr
    assert cli("prepare-data", "--samples", 60, "--force", "--json")["created"] is True


def test_prepare_data_takes_the_users_own_file(cli, tmp_path):
    rows = "".join(f"film {i},{i % 2}\n" for i in range(40))
    (tmp_path / "own.csv").write_text("text,label\n" + rows)
    options = ("--samples", 30, "--output", "x.csv")
    made = cli("prepare-data", "--source", "csv", "--input", "own.csv", *options, "--json")
    assert made["source"] == "CSV file own.csv"
    assert cli("prepare-data", "--input", "own.csv", *options, "--json")["created"] is False

    missing = cli(
        "prepare-data", "--source", "csv", "--input", "missing.csv", *options, exit_code=1
    )
    assert "No input file missing.csv" in missing.stderr
    cli("prepare-data", "--source", "csv", *options, exit_code=1)
    cli("prepare-data", "--source", "hub", "--input", "own.csv", *options, exit_code=2)


def test_train_takes_the_data_that_the_parameters_name(cli, tmp_path):
    cli("prepare-data", "--samples", 40)
    params = (tmp_path / "params.yaml").read_text().replace("samples: 2000", "samples: 60")
    (tmp_path / "params.yaml").write_text(params)
    result = cli("train")
    assert "made again: it had samples 40, not 60" in result.stderr
    assert "made again" not in cli("train").stderr

    (tmp_path / "own.csv").write_text(
        "text,label\n" + "".join(f"film {i} is fine,{i % 2}\n" for i in range(40))
    )
    named = cli("train", "--data-path", "own.csv")
    assert "not used: data.source (package), data.samples (60)" in named.stderr
    versions = cli("compare", "1", "3", "--json")["versions"]
    names = ("data.source", "data.samples", "data.path")
    assert [[info["params"][name] for name in names] for info in versions] == [
        ["package", "60", "data/imdb_sample.csv"],
        ["csv", "null", "own.csv"],
    ]
    own = (tmp_path / "own.csv").read_bytes()
    (tmp_path / "data/imdb_sample.csv").write_bytes(own)
    refused = cli("train", exit_code=1)
    assert "add --data-path data/imdb_sample.csv" in refused.stderr
    assert (tmp_path / "data/imdb_sample.csv").read_bytes() == own


def test_the_doctor_finds_what_is_wrong_and_what_is_only_missing(cli, tmp_path):
    report = {check["name"]: check for check in cli("doctor", "--json")}
    assert report["parameters"]["status"] == "ok"
    assert report["data"]["status"] == "note"
    assert report["champion"]["status"] == "note"
    (tmp_path / "params.yaml").write_text("model: 1\n")
    result = cli("doctor", exit_code=1)
    assert "✗ parameters: Invalid parameters" in result.stdout


def test_the_doctor_is_content_after_a_training(trained):
    report = trained("doctor", "--json")
    assert {check["status"] for check in report if check["name"] != "data"} == {"ok"}


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["train", "--data-path", "none.csv"], 1, "No data file none.csv"),
        (["train", "--params", "none.yaml"], 1, "No parameter file none.yaml"),
        (["train", "--champion", "--no-register"], 2, "drop --no-register"),
        (["train", "--challenger", "--no-register"], 2, "drop --no-register"),
        (["train", "--samples", "40", "--data-path", "x.csv"], 2, "drop --data-path"),
        (["train", "--samples", "90000"], 1, "ask for at most"),
        (["train", "--samples", "3"], 2, "20"),
        (["model-info"], 1, "no version or alias 'champion'"),
        (["predict", "hello"], 1, "no version or alias 'champion'"),
        (["rollback"], 1, "no previous champion"),
        (["set-alias", "--version", "4", "--alias", "x"], 1, "no version or alias '4'"),
        (["compare", "1", "2"], 1, "no version or alias '1'"),
        (["prepare-data", "--source", "nowhere"], 2, "nowhere"),
    ],
)
def test_a_mistake_is_one_plain_sentence(cli, arguments, exit_code, message):
    result = cli(*arguments, exit_code=exit_code)
    assert message in " ".join(result.stderr.replace("│", " ").split())
    assert "Traceback" not in result.output


def test_a_faulty_data_file_is_a_plain_error(cli, tmp_path):
    (tmp_path / "bad.csv").write_text("text,label\ngood,1\nbad,7\n")
    result = cli("train", "--data-path", "bad.csv", exit_code=1)
    assert "a label other than 0 or 1 in row 2 ('7')" in result.stderr
    assert "Traceback" not in result.output


def test_a_server_that_is_down_is_a_plain_error_with_its_own_exit_code(cli, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    result = cli("list-versions", exit_code=3)
    assert "MLflow (http://127.0.0.1:9) does not answer: " in result.stderr
    assert "Run `sentiment-cli doctor`" in result.stderr
    report = {check["name"]: check for check in cli("doctor", "--json", exit_code=1)}
    assert report["MLflow"]["status"] == "failed"
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    result = cli("train", exit_code=3)
    assert "The Prefect server does not answer" in result.stderr
