"""apt as Mooring configures it, and the machine that has none."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.debs import BOOKWORM, lock_of, locked

from mooring.artifacts.deb_apt import Apt, AptError, HostApt, UnknownSuite, host_apt, refusal
from mooring.artifacts.deb_sources import Source, without_password
from mooring.artifacts.deb_store import DebStore
from mooring.process import Completed
from mooring.resolve.system.apt import python_of

SOURCE = Source(
    uri="http://user:s%40cret@mirror.example.com/x", release="bookworm", components=("main",)
)


def host(*sources: Source, settings: tuple[str, ...] = ()) -> HostApt:
    places = dict.fromkeys(("trusted", "trustedparts", "netrc", "netrcparts"), "/dev/null")
    return HostApt(distribution="debian", sources=sources, settings=settings, places=places)


def test_a_machine_without_apt_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AptError, match="apt, which this machine lacks") as caught:
        host_apt(BOOKWORM)
    assert 'base = "docker.io/library/debian:bookworm"' in (caught.value.hint or "")
    lock = lock_of(locked(b"x", "libx"))
    with pytest.raises(AptError, match="this machine lacks"):
        DebStore(tmp_path / "debs").fetch(lock)


def test_passwords_leave_the_address() -> None:
    bare, line = without_password(SOURCE)
    assert bare.uri == "http://mirror.example.com/x"
    assert line == "machine http://mirror.example.com/x login user password s@cret\n"
    assert without_password(bare) == (bare, "")


def test_the_state_is_isolated(tmp_path: Path) -> None:
    apt = Apt(
        host(SOURCE, settings=('Acquire::http::Proxy "http://p:1";',)),
        BOOKWORM,
        "arm64",
        root=tmp_path,
    )
    apt.prepare(preferences="Package: x\n")
    text = (apt.folder / "apt.conf").read_text()
    assert 'Acquire::http::Proxy "http://p:1";' in text
    assert 'APT::Architectures { "arm64"; };' in text
    for place in ("Dir::State", "Dir::State::status", "Dir::Cache", "Dir::Etc", "Dir::Log"):
        (line,) = (line for line in text.splitlines() if line.startswith(f"{place} "))
        assert line.split('"')[1].startswith(str(apt.folder))
    assert apt.folder.stat().st_mode & 0o777 == 0o700
    sources = (apt.folder / "etc/sources.d/mooring.sources").read_text()
    assert "cret" not in sources + text
    assert "Architectures: arm64" in sources


def test_a_release_without_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownSuite, match="no source of debian:bookworm for amd64"):
        Apt(host(), BOOKWORM, "amd64", root=tmp_path)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    apt = Apt(host(SOURCE), BOOKWORM, "amd64", root=tmp_path / "file")
    with pytest.raises(AptError, match="cannot be written"):
        apt.prepare()


@pytest.mark.parametrize(
    ("stdout", "stderr", "message"),
    [
        ("", "E: Write error - write (28: No space left on device)", "no space left"),
        (
            "Err:1 x\n  404  Not Found",
            "E: The repository 'x bookworm Release' does not have a Release file.",
            "no release 'bookworm'",
        ),
        ("", "E: The repository 'x' is not signed.", "signature cannot be checked"),
        ("", "E: Failed to fetch http://u:secret@h/x  Could not resolve 'h'", "Could not resolve"),
        ("", "", "exit code 100"),
    ],
)
def test_failures_are_told_apart(tmp_path: Path, stdout: str, stderr: str, message: str) -> None:
    apt = Apt(host(SOURCE), BOOKWORM, "amd64", root=tmp_path)
    done = Completed(argv=("apt-get",), returncode=100, stdout=stdout, stderr=stderr)
    error = refusal(apt, done)
    assert message in error.message
    assert error.hint
    assert "secret" not in error.message


def test_the_python_of_a_base() -> None:
    for version, wanted in (("3.11.2-1+b1", "3.11"), ("3.13.5-1", "3.13"), ("2.7.18-1", "None")):
        assert str(python_of(lock_of(locked(b"x", "python3", version=version)))) == wanted
    assert python_of(lock_of(locked(b"x", "libx"))) is None
