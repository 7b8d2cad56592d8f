"""What a training reads: labelled reviews in a CSV file, as a target for damaged input."""

from pathlib import Path

from sentiment_core.errors import DataError
from sentiment_train.data.dataset import parse_dataset
from tests.support.fuzzing import mutate_bytes

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "latin-1")
HEADERS = ("text,label", "review,sentiment", "label;text", "text\tlabel", "a good film,1", "")
ROWS = (
    "a good film,1", '"bad, ""really"" bad",0', '"two\nlines",positive', "0;a film", "ein Film\t4",
    "\x00,1", "\N{FACE WITH TEARS OF JOY},5", ",", "text,label,more", '"never closed,1',
)  # fmt: skip


class Datasets:
    """Files with other separators, headers, labels and encodings, damaged in places."""

    allowed = (DataError,)

    def __init__(self, _folder):
        self.path = Path("reviews.csv")

    def mutate(self, rng):
        rows = rng.choices(ROWS, k=rng.randrange(12))
        text = rng.choice(["\n", "\n", "\r\n", "\r"]).join([rng.choice(HEADERS), *rows])
        content = text.encode(rng.choice(ENCODINGS), errors="replace")
        if rng.random() < 0.02:
            content += b"x" * 200_000  # beyond what the csv module takes for one value
        return mutate_bytes(content, rng)

    def feed(self, content):
        frame = parse_dataset(content, self.path)
        assert tuple(frame.columns) == ("text", "label")
        assert set(frame["label"]) == {0, 1}
        assert not (frame["text"].str.strip() == "").any()
