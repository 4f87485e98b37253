"""Files by address: one suite for a folder, a store in memory and a local S3 server; what is not whole is not there."""

import hashlib
import os
import sys

import pytest

from tracker.addresses import (
    exists,
    identity,
    input_digest,
    is_address,
    is_local,
    joined,
    listing,
    local_copy,
    name_of,
    put_folder,
    read_bytes,
    reading,
    remove,
    write_whole,
    writing,
)
from tracker.errors import MissingExtraError, SinkError, SourceError

fsspec = pytest.importorskip("fsspec")
SECRET = "not+to/be-shown"  # of the clients of the fixture s3


@pytest.fixture(params=["path", "file", "memory", "s3"])
def folder(request, tmp_path):
    """An address under which nothing lies yet."""
    if request.param == "s3":
        return f"{request.getfixturevalue('s3')}/{tmp_path.name}"
    return {"path": str(tmp_path / "in"), "file": f"{tmp_path.as_uri()}/in"}.get(
        request.param, f"memory://{tmp_path.name}/in"
    )


def drawn(folder, files):
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


@pytest.mark.parametrize(
    ("text", "address", "local"),
    [
        ("a.mp4", False, True),
        ("C:/a.mp4", False, True),
        ("file:///a.mp4", True, True),
        ("s3://b/a.mp4", True, False),
        ("GS://b/a.mp4", True, False),
        ("memory://a.mp4", True, False),
        ("rtsp://camera/main", False, True),
        ("https://host/a.mp4", False, True),
    ],
)
def test_what_is_an_address_and_what_lies_here(text, address, local):
    assert (is_address(text), is_local(text)) == (address, local)


def test_names_inside_a_folder():
    assert joined("s3://b/out/", "a", "a.csv") == "s3://b/out/a/a.csv"
    assert joined("file:///out%201", "a.csv") == os.path.join(os.sep, "out 1", "a.csv")
    assert [name_of(each) for each in ("s3://b/out/", "a/b.mp4", "file:///a%20b.mp4")] == ["out", "b.mp4", "a b.mp4"]


def test_what_was_written_is_read(folder):
    place = joined(folder, "deep", "a.mp4")
    assert not exists(place)
    write_whole(place, b"first")
    write_whole(place, b"second")
    assert exists(place)
    assert read_bytes(place) == b"second"
    with local_copy(place) as path:
        assert (path.name, path.read_bytes()) == ("a.mp4", b"second")
    assert path.exists() == is_local(place)
    remove(place)
    remove(place)
    assert not exists(place)


def test_files_are_listed_by_name_and_sorted_within_their_folder(folder):
    for name in ("b.mp4", "a.MP4", "notes.txt", "._b.mp4", ".trash/e.mp4", "deep/c.mp4", "deep/er/d.avi"):
        write_whole(joined(folder, *name.split("/")), b"x")
    start = joined(folder, "")
    films = ("*.mp4", "*.avi")

    def names(found):
        return [each.replace(os.sep, "/").removeprefix(start.replace(os.sep, "/")).lstrip("/") for each in found]

    assert names(listing(folder, patterns=films)) == ["a.MP4", "b.mp4", "deep/c.mp4", "deep/er/d.avi"]
    assert names(listing(folder, patterns=films, recursive=False)) == ["a.MP4", "b.mp4"]
    assert names(listing(joined(folder, "**", "*.mp4"))) == ["b.mp4", "deep/c.mp4"]
    assert names(listing(joined(folder, "b.mp4"))) == ["b.mp4"]
    with pytest.raises(SourceError, match="no such file"):
        list(listing(joined(folder, "absent")))


def test_a_listing_begins_before_all_folders_are_read(folder, monkeypatch):
    for name in ("a/1.mp4", "b/2.mp4"):
        write_whole(joined(folder, *name.split("/")), b"x")
    read = []
    if is_local(folder):
        scan = os.scandir
        monkeypatch.setattr(os, "scandir", lambda path: read.append(str(path)) or scan(path))
    else:
        store = type(fsspec.core.url_to_fs(folder)[0])
        ls = store.ls
        monkeypatch.setattr(store, "ls", lambda self, path, **more: read.append(path) or ls(self, path, **more))
    assert next(listing(folder)).endswith("1.mp4")
    assert not any(path.rstrip("/").endswith("b") for path in read)


def test_an_identity_changes_with_head_tail_size_and_nothing_else(folder):
    data = bytes(3 * reading.DIGEST_BYTES)
    changed = {"head": b"1" + data[1:], "tail": data[:-1] + b"1", "size": data + b"\0", "empty": b""}
    write_whole(joined(folder, "a"), data)
    first = identity(joined(folder, "a"))
    assert first == identity(joined(folder, "a"))
    assert (first.size, first.digest) == (len(data), hashlib.sha256(data[: 2 * reading.DIGEST_BYTES]).hexdigest())
    assert first.stamp
    found = {first}
    for name, other in changed.items():
        write_whole(joined(folder, name), other)
        found.add(identity(joined(folder, name)))
    assert len({(each.size, each.digest) for each in found}) == 5


def test_a_folder_arrives_with_its_last_file_at_the_end(folder, tmp_path, monkeypatch):
    made = drawn(tmp_path / "made", {"a.csv": b"1", "a.masks/1.png": b"2", "done.json": b"{}"})
    order = []
    whole = writing.put_file
    monkeypatch.setattr(writing, "put_file", lambda path, place: order.append(path.name) or whole(path, place))
    assert put_folder(made, folder, last="done.json") == ["a.csv", "a.masks/1.png", "done.json"]
    assert order == ["a.csv", "1.png", "done.json"]
    assert read_bytes(joined(folder, "a.masks", "1.png")) == b"2"


def test_of_a_folder_that_fails_in_the_middle_nothing_is_there(folder, tmp_path, monkeypatch):
    made = drawn(tmp_path / "made", {"a.csv": b"old", "done.json": b"{}"})
    put_folder(made, folder, last="done.json")
    drawn(made, {"a.csv": b"new", "b.csv": b"new"})
    whole = writing.put_file

    def failing(path, place):
        if path.name == "b.csv":
            raise SinkError("the network is gone")
        whole(path, place)

    monkeypatch.setattr(writing, "put_file", failing)
    with pytest.raises(SinkError, match="the network is gone"):
        put_folder(made, folder, last="done.json")
    assert [exists(joined(folder, name)) for name in ("a.csv", "b.csv", "done.json")] == [False] * 3


def test_a_folder_without_its_last_file_is_refused(tmp_path):
    with pytest.raises(SinkError, match=r"done\.json: no such file"):
        put_folder(drawn(tmp_path / "made", {"a.csv": b"1"}), "memory://refused", last="done.json")
    assert not exists("memory://refused/a.csv")


def test_an_upload_that_is_cut_off_leaves_nothing(s3, tmp_path, monkeypatch):
    """12 MB in parts of 5 MB, of which the second fails."""
    store = fsspec.filesystem("s3", use_listings_cache=False)
    path = tmp_path / "a.mp4"
    path.write_bytes(bytes(12_000_000))
    parts = []
    call = type(store)._call_s3

    async def failing(self, method, *arguments, **named):
        if method == "upload_part":
            parts.append(named["PartNumber"])
            if len(parts) > 1:
                raise ConnectionError(f"the network is gone, {SECRET}")
        return await call(self, method, *arguments, **named)

    monkeypatch.setattr(type(store), "_call_s3", failing)
    monkeypatch.setattr("s3fs.core.calculate_chunksize", lambda *arguments, **more: 5 << 20)
    with pytest.raises(SinkError) as caught:
        writing.put_file(path, f"{s3}/cut/a.mp4")
    assert str(caught.value) == f"{s3}/cut/a.mp4: the network is gone, ***; check the network and AWS_ENDPOINT_URL"
    assert len(parts) > 1
    assert not exists(f"{s3}/cut/a.mp4")
    assert "Uploads" not in store.call_s3("list_multipart_uploads", Bucket="clips")


def test_an_object_that_arrives_short_is_removed_and_an_error(tmp_path, monkeypatch):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"0123456789")
    store = type(fsspec.filesystem("memory"))
    monkeypatch.setattr(store, "put_file", lambda self, local, place, **more: self.pipe_file(place, b"01234"))
    with pytest.raises(SinkError, match="5 of 10 bytes arrived; try again"):
        writing.put_file(path, "memory://short/a.mp4")
    assert not exists("memory://short/a.mp4")


def test_what_lay_there_stays_where_nothing_arrives(tmp_path, monkeypatch):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"0123456789")
    write_whole("memory://old/a.mp4", b"before")

    def no_road(self, local, place, **more):
        raise OSError("the network is gone")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "put_file", no_road)
    with pytest.raises(SinkError, match="the network is gone"):
        writing.put_file(path, "memory://old/a.mp4")
    assert read_bytes("memory://old/a.mp4") == b"before"


def test_a_copy_that_arrives_short_is_an_error_and_leaves_nothing(tmp_path, monkeypatch):
    write_whole("memory://short/b.mp4", b"0123456789")
    monkeypatch.setattr(reading.tempfile, "tempdir", str(tmp_path))
    store = type(fsspec.filesystem("memory"))

    def short(self, place, local, **more):
        with open(local, "wb") as file:
            file.write(b"01234")

    monkeypatch.setattr(store, "get_file", short)
    with (
        pytest.raises(SourceError, match=r"memory://short/b\.mp4: 5 of 10 bytes arrived"),
        local_copy("memory://short/b.mp4"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_full_scratch_folder_is_told_from_a_store_that_fails(monkeypatch):
    write_whole("memory://full/a.mp4", b"0123456789")

    def full(self, place, local, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "get_file", full)
    with (
        pytest.raises(SourceError, match=r"No space left on device; make room in .*, or set TMPDIR"),
        local_copy("memory://full/a.mp4"),
    ):
        pass


def test_a_local_file_that_cannot_be_written_whole_is_what_it_was(tmp_path, monkeypatch):
    place = tmp_path / "a.csv"
    write_whole(str(place), b"old")

    def full(source, target):
        target.write_bytes(b"n")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing.shutil, "copyfile", full)
    with pytest.raises(SinkError, match="No space left"):
        write_whole(str(place), b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.csv": b"old"}


def test_what_is_not_there_is_said_in_one_line(folder):
    place = joined(folder, "absent.mp4")
    for ask in (read_bytes, identity):
        with pytest.raises(SourceError, match=r"absent\.mp4: no such file"):
            ask(place)


def test_a_bucket_without_rights_and_a_server_that_is_not_there(s3, monkeypatch):
    store = type(fsspec.filesystem("s3"))

    async def denied(self, *arguments, **named):
        raise PermissionError(f"Access Denied to {SECRET}")

    with monkeypatch.context() as patch:
        patch.setattr(store, "_call_s3", denied)
        with pytest.raises(SourceError, match="check the credentials of the store") as caught:
            exists(f"{s3}/a.mp4")
    assert SECRET not in str(caught.value)
    with pytest.raises(SourceError, match="no such file, folder or bucket"):
        read_bytes("s3://no-such-bucket/a.mp4")


def test_user_and_password_of_an_address_are_not_shown():
    with pytest.raises(SourceError) as caught:
        read_bytes("memory://me:secret@place/a.mp4")
    assert "secret" not in str(caught.value)


def test_a_folder_is_no_file(s3):
    write_whole(f"{s3}/folder/a.mp4", b"x")
    with pytest.raises(SourceError, match="is a folder; name a file in it"), local_copy(f"{s3}/folder"):
        pass


def test_stores_without_their_library_name_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(MissingExtraError, match="gs:// needs gcsfs; install it: pip install gcsfs"):
        exists("gs://bucket/a.mp4")
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(MissingExtraError, match=r"s3:// needs s3fs; install it: pip install 'rnnem-tracker\[remote\]'"):
        exists("s3://bucket/a.mp4")


def test_local_files_need_no_library(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    write_whole(str(tmp_path / "a"), b"x")
    assert identity(str(tmp_path / "a")).size == 1
    assert list(listing(tmp_path.as_uri())) == [str(tmp_path / "a")]


def test_inputs_differ_by_size_time_and_content(tmp_path):
    one = tmp_path / "clip"
    one.write_bytes(b"abc")
    os.utime(one, ns=(1, 1))
    digest = input_digest(str(one))
    one.write_bytes(b"abd")
    os.utime(one, ns=(1, 1))
    assert input_digest(str(one)) != digest
    one.write_bytes(b"abc")
    os.utime(one, ns=(1, 1))
    assert input_digest(str(one)) == digest


def test_a_folder_and_a_pattern_of_pictures_are_inputs_told_by_all_their_files(tmp_path):
    for name in ("1.png", "2.png"):
        (tmp_path / name).write_bytes(b"a")
        os.utime(tmp_path / name, ns=(1, 1))
    folder, pattern = str(tmp_path), str(tmp_path / "*.png")
    before = input_digest(folder)
    assert before == input_digest(pattern)
    os.utime(tmp_path / "2.png", ns=(1, 2))
    assert before != input_digest(folder) == input_digest(pattern)
    with pytest.raises(SourceError, match="nothing there"):
        input_digest(str(tmp_path / "*.jpg"))


def test_a_link_that_leads_nowhere_is_one_of_the_names_of_a_folder(tmp_path):
    (tmp_path / "1.png").write_bytes(b"a")
    before = input_digest(str(tmp_path))
    (tmp_path / "2.png").symlink_to(tmp_path / "nothing")
    assert input_digest(str(tmp_path)) != before
