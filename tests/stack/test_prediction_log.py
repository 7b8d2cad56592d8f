"""The prediction log in a real bucket, across its absence and ends of the API."""

import json
import signal
from collections import Counter

import pytest

from tests.support import eventually
from tests.support.log_processes import Bucket, LoggingApi, closing, killing, recorded
from tests.support.stack import make_settings

pytestmark = [
    pytest.mark.integration, pytest.mark.filterwarnings("default"), pytest.mark.timeout(300)
]  # fmt: skip

URI = "s3://data/log"


@pytest.fixture
def bucket(tmp_path):
    bucket = Bucket(tmp_path, make_settings(tmp_path / "stack"))
    with killing(bucket.process):
        yield bucket


def test_a_bucket_gets_every_record_once_across_its_absence_and_a_sigterm(bucket, tmp_path):
    """The store is not there when the API starts, nor when it ends."""
    options = {"PREDICTION_LOG": "s3", "PREDICTION_LOG_PATH": URI, "PREDICTION_LOG_TIMEOUT": "1"}
    api = LoggingApi(tmp_path, **bucket.variables, **options)
    with closing(api.process):
        api.start()
        api.post_batches(2500, text="a private review")
        eventually(lambda: api.metric("sentiment_prediction_log_failed_writes_total") > 0)
        assert api.process.terminate(60) in {0, -signal.SIGTERM}
        assert api.last_words() == Counter(accepted=2500)

        bucket.process.start()
        bucket.create("data")
        api.start()
        eventually(lambda: api.metric("sentiment_prediction_log_written_total") == 2500)
        assert api.metric("sentiment_prediction_log_spooled") == 0
    contents = bucket.contents(URI)
    assert len(recorded(contents)) == 2500
    assert not any(b"private review" in content for content in contents)
    entry = json.loads(contents[0].splitlines()[0])
    assert entry["version"] == "1"
