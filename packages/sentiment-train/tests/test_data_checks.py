import json

import pandas as pd
import pytest

from sentiment_train.data.checks import check_data
from sentiment_train.data.dataset import text_fingerprints


def frame(texts, labels):
    return pd.DataFrame({"text": texts, "label": labels})


@pytest.fixture
def sound():
    return frame([f"review number {n} is of usual length" for n in range(40)], [0, 1] * 20)


def findings(data):
    return {check.name: check for check in check(data).checks}


def check(data):
    return check_data(data, text_fingerprints(data["text"]))


def test_sound_data_has_no_findings(sound):
    report = check(sound)
    assert report.warnings == []
    assert (report.n_rows, report.n_positive, report.median_words) == (40, 20, 7)


def test_each_fault_is_found_with_its_rows(sound):
    extra = frame(
        [
            "REVIEW number 3, is of usual length!",
            "word " * 5000,
            "review number 5 is of usual length",
        ],
        [1, 0, 0],
    )
    found = findings(pd.concat([sound, extra], ignore_index=True))
    assert found["duplicates"].rows == (41, 43)
    assert found["length outliers"].rows == (42,)
    assert found["contradictions"].rows == (6, 43)
    assert found["class balance"].level == "ok"
    assert sorted(found) == [
        "class balance", "contradictions", "duplicates", "length outliers",
    ]  # fmt: skip


def test_a_lopsided_data_set_is_noted(sound):
    found = findings(sound.assign(label=[1] * 30 + [0] * 10))
    assert found["class balance"].level == "warning"
    assert "75.0%" in found["class balance"].detail


def test_the_report_is_readable_by_scripts_and_people(sound):
    report = check(pd.concat([sound, sound.head(1)], ignore_index=True))
    assert json.loads(report.to_json())["n_rows"] == 41
    page = report.to_html()
    assert "<h1>Data report</h1>" in page
    assert "1 texts occur before" in page
    assert "http" not in page
