"""The reader of the prediction log that its page shows."""

import re

from prometheus_client import CollectorRegistry

from sentiment_core.prediction import Prediction
from sentiment_serve.metrics import PredictionLogMetrics
from sentiment_serve.prediction.log import PredictionLog
from sentiment_serve.prediction.log_folder import BoundedFolder, FolderDestination
from sentiment_serve.prediction.log_records import FeedbackRecord, PredictionRecord, TextRule
from tests.support import ROOT
from tests.support.tiny_models import make_model_of_version


def test_labels_are_joined_with_their_predictions_as_the_page_shows(tmp_path, monkeypatch):
    folder = BoundedFolder(tmp_path / ".sentiment" / "log", 16 << 20, lambda _: None)
    log = PredictionLog(
        FolderDestination(folder), TextRule(key=b"k", with_text=True),
        PredictionLogMetrics(CollectorRegistry()), interval=60, timeout=5,
    )  # fmt: skip
    for name, version, label in (("1", "1", "positive"), ("2", "1", "negative"), ("3", "2", None)):
        model = make_model_of_version("champion", version)
        log.record(PredictionRecord(name, model, "good", Prediction("positive", 0.9, False)))
        if label:
            log.record(FeedbackRecord(name, version, "positive", label))
    log.start()
    log.stop()
    page = (ROOT / "docs" / "prediction-log.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    shown = {}
    exec(code, shown)
    assert shown["accuracy"].to_dict() == {"1": 0.5}
    assert [*shown["joined"]["label"]] == ["positive", "negative"]
