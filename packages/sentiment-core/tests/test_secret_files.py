import os

import pytest

from sentiment_core.secret_files import SecretFileError, read_secret_files


def test_a_secret_comes_from_its_file_unless_it_has_a_value(tmp_path, monkeypatch):
    path = tmp_path / "token"
    path.write_text("from-the-file\n")
    for name in ("A_TOKEN", "B_TOKEN"):
        monkeypatch.setenv(f"{name}_FILE", str(path))
    monkeypatch.setenv("A_TOKEN", "")
    monkeypatch.setenv("B_TOKEN", "given")
    monkeypatch.delenv("C_TOKEN", raising=False)
    read_secret_files(["A_TOKEN", "B_TOKEN", "C_TOKEN"])
    assert os.environ["A_TOKEN"] == "from-the-file"
    assert os.environ["B_TOKEN"] == "given"
    assert "C_TOKEN" not in os.environ


def test_a_missing_file_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("A_TOKEN", "")
    monkeypatch.setenv("A_TOKEN_FILE", str(tmp_path / "nothing"))
    with pytest.raises(SecretFileError, match=r"A_TOKEN_FILE=.*nothing: No such file"):
        read_secret_files(["A_TOKEN"])
