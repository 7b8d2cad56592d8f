import os

import pytest

from sentiment_core.disk_space import reserve_space


@pytest.mark.parametrize("call", [True, False], ids=["posix_fallocate", "writes"])
def test_room_is_real_and_content_stays(tmp_path, monkeypatch, call):
    if not call:
        monkeypatch.delattr(os, "posix_fallocate")
    path = tmp_path / "file"
    path.write_bytes(b"content")
    with path.open("r+b") as file:
        reserve_space(file.fileno(), 200_000)
        reserve_space(file.fileno(), 1000)
    assert path.read_bytes() == b"content".ljust(200_000, b"\0")
    assert path.stat().st_blocks * 512 >= 200_000
