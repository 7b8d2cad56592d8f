import shlex
import subprocess

import pandas as pd
import pytest

from sentiment_core.errors import DataError
from sentiment_core.params import ColumnParams
from sentiment_train.data.dataset import load_dataset, text_fingerprints


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
        ("\n\n" + ",".join(map(str, range(501))) + "\n1,2\n", "more than 500 columns"),
        ("text,label\nx,good,1\ny,bad,0\n", "rows have more values than the header"),
        ("text,label\nbad,0\ngood, really,1\n", "line 3, saw 3. Write a text with commas"),
        (b"PK\x03\x04rest", "a spreadsheet or an archive"),
    ],
)
def test_each_fault_has_its_own_message(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        load_dataset(write(tmp_path, content))


REPAIRED = {"text": ["bad, NA", "so good"], "label": [0, 1]}


@pytest.mark.parametrize(
    ("content", "seems"),
    [
        ('review,sentiment\n"bad, NA",0\nso good,1\n', "'review' holds the texts"),
        ('Id,Rating,Review\n7,1,"bad, NA"\n8,5,so good\n', "'Rating' the labels"),
        ('words,verdict\n"bad, NA",neg\nso good,pos\n', "'verdict' the labels; .*neg = 0"),
        ('"bad, NA",0\nso good,1\n', "it has no header"),
        ('"bad, NA",neg\nso good,pos\n', "it has no header; its labels mean neg = 0"),
        ('text,label\n"bad, NA",neg\nso good,pos\n', "neg = 0, pos = 1"),
        ('text,label\n"bad, NA",Negative\nso good,Positive\nhm,neutral\n',
         r"Positive = 1, neutral = neither \(left out\)"),
        ('text,label\n"bad, NA",False\nso good,True\n', "False = 0, True = 1"),
        ('text,label\n"bad, NA",2\nhm,3\nso good,5\n', "2 = 0, 5 = 1, 3 = neither"),
        ('text,label\n"bad, NA",-1\nso good,1\n', "-1 = 0, 1 = 1"),
        ('text,label\n"bad, NA",1\nso good,10\n', "1 = 0, 10 = 1"),
        ("Review;Sentiment\nbad, NA;negative\nso good;positive\n",
         "its column 'Review' .*; its labels mean negative = 0"),
        ("Review text,My label\n\"bad, NA\",0\nso good,1\n", "'Review text' holds the texts"),
    ],
)  # fmt: skip
def test_what_the_message_advises_reads_the_file(tmp_path, content, seems):
    folder = tmp_path / "it's here"
    folder.mkdir()
    path = write(folder, content)
    with pytest.raises(DataError, match=f"It seems that .*{seems}") as caught:
        load_dataset(path)
    _, _, advice = str(caught.value).partition("If so, ")
    if "with a header" in advice:
        command, _, advice = advice.partition("with a header: ")[2].partition(", and add ")
        subprocess.run(command, shell=True, check=True)
        path = folder / "reviews_with_header.csv"
    words = shlex.split(
        advice.removeprefix("add ").removesuffix(" (or data.columns in params.yaml)")
    )
    options = dict(zip(words[::2], words[1::2], strict=True))
    names = {f"--{name}-column": name for name in ("text", "label")}
    columns = ColumnParams(
        **{names[option]: value for option, value in options.items() if option in names},
        **{
            option[2:]: value.split(",") for option, value in options.items() if option not in names
        },
    )
    assert load_dataset(path, columns).to_dict("list") == REPAIRED


TABLE = pd.DataFrame(
    {"id": [7, 8, 9], "review": ["bad, NA", "so good", "hm"], "stars": [1.0, 5.0, 3.0]}
)
STARS = ColumnParams(
    text="review", label="stars", negative=("1", "2"), positive=("4", "5"), neutral=("3",)
)


@pytest.mark.parametrize(
    ("name", "save"),
    [
        ("reviews.csv", lambda path: TABLE.astype({"stars": int}).to_csv(path, index=False)),
        ("r.csv", lambda path: TABLE.astype({"stars": int}).to_csv(path, sep=";", index=False)),
        ("r.tsv", lambda path: TABLE.astype({"stars": int}).to_csv(path, sep="\t", index=False)),
        ("r.csv", lambda path: TABLE.astype({"stars": int}).to_csv(path, encoding="utf-16")),
        ("r.jsonl", lambda path: TABLE.to_json(path, orient="records", lines=True)),
        ("r.parquet", TABLE.to_parquet),
        ("R.XLSX", lambda path: TABLE.to_excel(path, index=False, engine="openpyxl")),
    ],
    ids=["comma", "semicolon", "tab", "utf-16", "json lines", "parquet", "excel"],
)  # fmt: skip
def test_a_teams_own_file_is_read_as_it_is(tmp_path, name, save):
    with (tmp_path / name).open("wb") as file:
        save(file)
    assert load_dataset(tmp_path / name, STARS).to_dict("list") == REPAIRED


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"text": "x", "label": 1}\n{"text": ', "not JSON lines"),
        ("a.parquet", b"PAR1 no", "not a Parquet file that can be read"),
        ("a.xlsx", b"PK\x03\x04 no", "not a spreadsheet that can be read"),
        ("a.csv", b"review,stars\nx,1\ny,6\nz,5\n", "other than 1, 2 or 4, 5 in row 2"),
        ("a.csv", b"review,stars\nx,3\ny,3\n", "only the label none that is not neutral"),
        ("a.jsonl", b'{"review": null, "stars": 1}\n{"review": "y", "stars": 5}\n', "blank"),
    ],
)
def test_a_teams_own_file_that_cannot_be_read_says_why(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_dataset(path, STARS)


def test_a_file_that_needs_a_library_that_is_missing_says_which(tmp_path, monkeypatch):
    TABLE.to_parquet(tmp_path / "a.parquet")

    def missing(_file):
        raise ImportError

    monkeypatch.setattr(pd, "read_parquet", missing)
    with pytest.raises(DataError, match=r"sentiment-train\[hub\]"):
        load_dataset(tmp_path / "a.parquet", STARS)


@pytest.mark.parametrize(
    "content",
    ["text,label\ngood,1\nbad,0\nmeh,2\n", "text,label\n" + "x,7\n" * 12, "a;b\n1;2\n"],
)
def test_nothing_is_guessed_where_nothing_is_known(tmp_path, content):
    with pytest.raises(DataError) as caught:
        load_dataset(write(tmp_path, content))
    assert "It seems" not in str(caught.value)


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
