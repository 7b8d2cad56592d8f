import pytest

from sentiment_core.dataset import load_dataset, text_fingerprints
from sentiment_core.errors import DataError


def write(tmp_path, content):
    path = tmp_path / "reviews.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_reviews_are_read_in_order(tmp_path):
    path = write(tmp_path, 'text,label,source\n"good, really\nNA",1,x\nNA,0,y\n')
    frame = load_dataset(path)
    assert frame.to_dict("list") == {"text": ["good, really\nNA", "NA"], "label": [1, 0]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        (" \n\n", "is empty"),
        ("text,label\n", "a header but no reviews"),
        ("review,label\na,1\n", "lacks the column text"),
        ("a,b\n1,2\n", "lacks the column text and label"),
        (b"text,label\ngood,1\nb\xe9d,0\n", "not UTF-8: line 3 has the byte 0xe9"),
        (
            "text,label\ngood,1\nbad,0\nmeh,2\nhm,\n",
            r"label other than 0 or 1 in rows 3 \('2'\), 4",
        ),
        ("text,label\ngood,1\n   ,0\n", "a blank text in row 2"),
        ("text,label\ngood,1\nfine,1\n", "only the label 1"),
        ('text,label\n"good,1\n', "not valid CSV"),
        ("text,label\na,1,2,3\nb,0\nc,1,2,3,4,5\n", "not valid CSV"),
    ],
)
def test_each_fault_has_its_own_message(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        load_dataset(write(tmp_path, content))


def test_many_faulty_rows_are_counted(tmp_path):
    path = write(tmp_path, "text,label\n" + "x,7\n" * 12)
    with pytest.raises(DataError, match=r"rows 1 \('7'\), .* and 7 more\."):
        load_dataset(path)


def test_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(DataError, match="sentiment-cli prepare-data"):
        load_dataset(tmp_path / "none.csv")


def test_a_folder_is_a_plain_error(tmp_path):
    with pytest.raises(DataError, match="Cannot read"):
        load_dataset(tmp_path)


def test_fingerprints_see_only_the_clean_text():
    first, second, other = text_fingerprints(["A <b>good</b> film!", "a good film", "a bad film"])
    assert first == second != other
