from __future__ import annotations

import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from mooring import files
from mooring.errors import InputError, MooringError

posix = pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
unprivileged = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)


def _write_streamed(path: Path, data: bytes) -> None:
    with files.writing(path) as stream:
        stream.write(data)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestReadText:
    def test_reads_utf8_and_drops_a_byte_order_mark(self, tmp_path: Path) -> None:
        path = tmp_path / "a.in"
        path.write_bytes(b"\xef\xbb\xbfcaf\xc3\xa9\n")
        assert files.read_text(path) == "café\n"

    def test_absent(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"^a\.in: the file does not exist$"):
            files.read_text(tmp_path / "a.in", shown="a.in")

    def test_folder(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="not a file"):
            files.read_text(tmp_path)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
    def test_a_named_pipe_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(InputError, match="not a file"):
            files.read_text(tmp_path / "pipe")

    def test_too_large(self, tmp_path: Path) -> None:
        path = tmp_path / "a.in"
        path.write_bytes(b"x" * 11)
        assert files.read_text(path, limit=11) == "x" * 11
        with pytest.raises(InputError, match="larger than"):
            files.read_text(path, limit=10)

    def test_not_utf8_names_the_line(self, tmp_path: Path) -> None:
        path = tmp_path / "a.in"
        path.write_bytes(b"one\ntwo\n\xff\n")
        with pytest.raises(InputError) as caught:
            files.read_text(path, shown="a.in")
        assert caught.value.where == "a.in:3"


class TestParseToml:
    def test_parses(self) -> None:
        assert files.parse_toml('[a]\nb = "c"\n', "x.toml") == {"a": {"b": "c"}}

    @pytest.mark.parametrize(
        ("text", "where"),
        [("a = 1\nb = \n", "x.toml:2"), ("a = 1\n[b\n", "x.toml:2"), ('a = """', "x.toml:1")],
    )
    def test_a_syntax_error_names_the_line(self, text: str, where: str) -> None:
        with pytest.raises(InputError, match="not valid TOML") as caught:
            files.parse_toml(text, "x.toml")
        assert caught.value.where == where

    def test_conflict_markers_are_named_as_such(self) -> None:
        text = "a = 1\n<<<<<<< HEAD\nb = 1\n=======\nb = 2\n>>>>>>> other\n"
        with pytest.raises(InputError, match="merge-conflict markers") as caught:
            files.parse_toml(text, "pylock.toml")
        assert caught.value.where == "pylock.toml:2"
        assert caught.value.hint is not None
        assert "mooring lock" in caught.value.hint

    def test_a_bomb_of_brackets_is_an_expected_error(self) -> None:
        with pytest.raises(InputError, match="nested too deeply"):
            files.parse_toml("a = " + "[" * 100_000, "x.toml")

    @pytest.mark.parametrize(
        "key", ["a" + ".a" * 100_000, "[" + "a." * 100_000 + "a]", "'a' . \"b\"" + " . c" * 100_000]
    )
    def test_a_key_that_would_take_minutes_is_refused(self, key: str) -> None:
        with pytest.raises(InputError, match="a dotted key has more than") as caught:
            files.parse_toml(f"x = 1\n{key} = 1\n", "x.toml")
        assert caught.value.where == "x.toml:2"

    @pytest.mark.parametrize("number", ["9" * 5000, "-" + "9" * 5000, "0x" + "f" * 5000])
    def test_a_number_that_python_cannot_write_is_refused(self, number: str) -> None:
        with pytest.raises(InputError, match="too large") as caught:
            files.parse_toml(f"x = 1\ny = [\n{number}]\n", "x.toml")
        assert caught.value.where == "x.toml:3"

    def test_long_lists_digits_and_dots_in_texts_are_fine(self) -> None:
        versions = ", ".join(['"1.2.3"'] * 1000)
        text = f"a = [{versions}]\nb = '{'9' * 5000}'\nc = 0.{'1' * 5000}\n"
        assert len(files.parse_toml(text, "x.toml")) == 3

    def test_read_toml_joins_both(self, tmp_path: Path) -> None:
        (tmp_path / "x.toml").write_text("a = 1\n")
        assert files.read_toml(tmp_path / "x.toml") == {"a": 1}
        with pytest.raises(InputError, match=r"y\.toml: the file does not exist"):
            files.read_toml(tmp_path / "y.toml", shown="y.toml")


class TestWriteFiles:
    def test_writes_and_replaces(self, tmp_path: Path) -> None:
        target = tmp_path / "deep" / "pylock.toml"
        files.write_file(target, "one\n")
        files.write_file(target, b"two\n")
        assert target.read_bytes() == b"two\n"
        assert _names(target.parent) == ["pylock.toml"]

    def test_a_folder_in_the_way_of_one_file_leaves_the_others_alone(self, tmp_path: Path) -> None:
        (tmp_path / "first").write_text("old")
        (tmp_path / "second").mkdir()
        with pytest.raises(MooringError, match="cannot write") as caught:
            files.write_files({tmp_path / "first": b"new", tmp_path / "second": b"new"})
        assert caught.value.where == str(tmp_path / "second")
        assert (tmp_path / "first").read_text() == "old"
        assert _names(tmp_path) == ["first", "second"]

    @posix
    @posix
    def test_a_pipe_or_a_device_is_no_file_to_replace(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        for write in (files.write_file, _write_streamed):
            with pytest.raises(MooringError, match="a device, a pipe or a socket"):
                write(tmp_path / "pipe", b"x")
            assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
            assert _names(tmp_path) == ["pipe"]

    def test_a_new_file_obeys_the_umask_and_an_old_one_keeps_its_mode(self, tmp_path: Path) -> None:
        old, new = tmp_path / "old", tmp_path / "new"
        old.write_text("x")
        old.chmod(0o600)
        before = os.umask(0o027)
        try:
            files.write_files({old: b"y", new: b"y"})
        finally:
            os.umask(before)
        assert old.stat().st_mode & 0o777 == 0o600
        assert new.stat().st_mode & 0o777 == 0o640

    def test_all_or_nothing(self, tmp_path: Path) -> None:
        good = tmp_path / "pylock.toml"
        good.write_text("old")
        (tmp_path / "file").write_text("not a folder")
        with pytest.raises(MooringError, match="cannot write the file") as caught:
            files.write_files({good: b"new", tmp_path / "file" / "mooring.lock": b"new"})
        assert caught.value.exit_code == 3
        assert good.read_text() == "old"
        assert _names(tmp_path) == ["file", "pylock.toml"]

    @unprivileged
    def test_a_folder_without_permission(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        try:
            with pytest.raises(MooringError, match="cannot write the file"):
                files.write_file(tmp_path / "a", b"")
        finally:
            tmp_path.chmod(0o700)


class TestOneWriter:
    def test_the_second_waits_for_the_first(self, tmp_path: Path) -> None:
        order: list[str] = []
        entered = threading.Event()

        def second() -> None:
            entered.wait(5)
            with files.one_writer(tmp_path, wait=5):
                order.append("second")

        thread = threading.Thread(target=second)
        thread.start()
        with files.one_writer(tmp_path):
            entered.set()
            thread.join(0.2)
            order.append("first")
        thread.join(5)
        assert order == ["first", "second"]

    def test_a_wait_has_an_end(self, tmp_path: Path) -> None:
        caught: list[MooringError] = []

        def second() -> None:
            try:
                with files.one_writer(tmp_path, wait=0.1):
                    pass
            except MooringError as error:
                caught.append(error)

        with files.one_writer(tmp_path):
            thread = threading.Thread(target=second)
            thread.start()
            thread.join(5)
        assert "another mooring command has been writing here" in str(caught[0])

    def test_other_projects_are_not_held_up_and_no_file_is_left_in_them(
        self, tmp_path: Path
    ) -> None:
        one, two = tmp_path / "one", tmp_path / "two"
        one.mkdir()
        two.mkdir()
        with files.one_writer(one), files.one_writer(two, wait=0.1):
            assert _names(one) == _names(two) == []

    def test_a_cache_that_cannot_be_made_is_an_expected_error(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("MOORING_CACHE_DIR", str(tmp_path / "file"))
        with (
            pytest.raises(MooringError, match="cache folder") as caught,
            files.one_writer(tmp_path),
        ):
            pass
        assert caught.value.hint is not None
        assert "MOORING_CACHE_DIR" in caught.value.hint


class TestCacheRoot:
    def test_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MOORING_CACHE_DIR", str(tmp_path))
        assert files.cache_root() == tmp_path

    def test_default_belongs_to_the_user(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("MOORING_CACHE_DIR")
        assert Path.home() in files.cache_root().parents


class TestLeftovers:
    def test_only_old_temporary_files_go(self, tmp_path: Path) -> None:
        names = [".new-a", ".x.json.b.tmp", ".other", "new-c", "y.tmp", ".new-folder"]
        (tmp_path / ".new-folder").mkdir()
        for name in names[:-1]:
            (tmp_path / name).touch()
        for name in names:
            os.utime(tmp_path / name, (1e9, 1e9))
        (tmp_path / ".new-young").touch()
        files.remove_leftovers(tmp_path)
        assert _names(tmp_path) == sorted({*names[2:], ".new-young"})

    def test_all_folders_of_the_cache_are_looked_at(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MOORING_CACHE_DIR", str(tmp_path))
        files.remove_cache_leftovers()
        for folder in (tmp_path / "layers", tmp_path / "blobs" / "sha256"):
            folder.mkdir(parents=True)
            (folder / ".new-a").touch()
            os.utime(folder / ".new-a", (1e9, 1e9))
        files.remove_cache_leftovers()
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []

    def test_a_streamed_file_clears_what_earlier_tries_left(self, tmp_path: Path) -> None:
        for name in (".a[1].x.tmp", ".b.x.tmp"):
            (tmp_path / name).touch()
            os.utime(tmp_path / name, (1e9, 1e9))
        _write_streamed(tmp_path / "a[1]", b"1")
        assert _names(tmp_path) == [".b.x.tmp", "a[1]"]


def test_appending_keeps_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    files.append_text(path, "one\n")
    files.append_text(path, "zwei \N{LATIN SMALL LETTER U WITH DIAERESIS}\n")
    assert path.read_text(encoding="utf-8") == "one\nzwei \N{LATIN SMALL LETTER U WITH DIAERESIS}\n"
    with pytest.raises(MooringError, match="cannot add to the file") as failed:
        files.append_text(tmp_path / "absent" / "summary.md", "x")
    assert failed.value.exit_code == 3
