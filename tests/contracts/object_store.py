"""The contract of `sentiment_core.object_store.ObjectStore`."""

import os
import threading

import pytest

from sentiment_core.errors import NotFoundError

NAMES = ("a.txt", "folder/b.txt", "folder/deep/ü & ?#%20.bin", "folder2/c")


class ObjectStoreContract:
    """Subclasses give an empty `store`."""

    def test_what_was_put_is_got(self, store):
        for name in NAMES:
            store.put(name, name.encode() * 3)
        assert [store.get(name) for name in NAMES] == [name.encode() * 3 for name in NAMES]

    def test_put_replaces(self, store):
        store.put("a", b"old and longer")
        store.put("a", b"new")
        assert store.get("a") == b"new"

    def test_an_empty_object_is_an_object(self, store):
        store.put("empty", b"")
        assert store.get("empty") == b""
        assert [(item.key, item.size) for item in store.list()] == [("empty", 0)]

    def test_list_gives_keys_in_order_with_sizes_below_a_prefix(self, store):
        for name in reversed(NAMES):
            store.put(name, b"x" * len(name))
        assert [item.key for item in store.list()] == sorted(NAMES)
        assert [item.size for item in store.list()] == [len(name) for name in sorted(NAMES)]
        assert [item.key for item in store.list("folder/")] == sorted(NAMES)[1:3]
        assert list(store.list("nothing/")) == []

    def test_delete_is_idempotent(self, store):
        store.put("a/b", b"x")
        store.delete("a/b")
        store.delete("a/b")
        assert list(store.list()) == []

    def test_what_is_missing_is_not_found(self, store, tmp_path):
        for read in (store.get, lambda key: store.get_file(key, tmp_path / "copy")):
            with pytest.raises(NotFoundError, match="missing"):
                read("folder/missing")
        assert not list(tmp_path.glob("*copy*"))

    def test_large_files_travel_both_ways(self, store, tmp_path):
        content = os.urandom(12 << 20)  # more than one part of a multipart upload
        (tmp_path / "large").write_bytes(content)
        store.put_file("large", tmp_path / "large")
        store.get_file("large", tmp_path / "copies" / "large")
        assert (tmp_path / "copies" / "large").read_bytes() == content

    def test_a_failed_copy_leaves_the_old_file(self, store, tmp_path):
        (tmp_path / "copy").write_bytes(b"old")
        with pytest.raises(NotFoundError):
            store.get_file("missing", tmp_path / "copy")
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"copy": b"old"}

    def test_readers_see_whole_objects_while_others_write(self, store):
        values = [bytes([65 + number]) * 50_000 for number in range(4)]
        store.put("shared", values[0])

        def write(value):
            for _ in range(10):
                store.put("shared", value)

        threads = [threading.Thread(target=write, args=[value]) for value in values]
        for thread in threads:
            thread.start()
        seen = [store.get("shared") for _ in range(40)]
        for thread in threads:
            thread.join()
        assert set(seen) <= set(values)
        assert [item.key for item in store.list()] == ["shared"]
