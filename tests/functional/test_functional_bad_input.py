"""Every way of going wrong that a user can reach: one clear message and the right exit code."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from tests.fakes import FakeIndex
from tests.functional.command import Mooring, Outcome, manifest


def told(outcome: Outcome, code: int, *words: str) -> None:
    """Assert the exit code, one message that holds the words, and nothing on standard output."""
    assert outcome.code == code, outcome.err
    for word in words:
        assert word in outcome.err, outcome.err
    assert outcome.out == ""


def test_no_manifest(project: Path, mooring: Mooring) -> None:
    told(mooring("lock"), 2, "hint:", "mooring init")


def test_unknown_command_and_option(mooring: Mooring) -> None:
    told(mooring("lokc"), 2, "Did you mean 'lock'?")
    told(mooring("frobnicate"), 2, "frobnicate")
    told(mooring("lock", "--chekc"), 2, "--check")


def test_unknown_key_names_key_line_and_neighbour(project: Path, mooring: Mooring) -> None:
    (project / "mooring.toml").write_text('sources = ["requirements.in"]\nplatfroms = []\n')
    (project / "requirements.in").write_text("alpha\n")
    told(mooring("lock"), 2, "platfroms", "mooring.toml:2", "platforms")


def test_a_requirement_that_does_not_parse(project: Path, mooring: Mooring) -> None:
    (project / "requirements.in").write_text("# first\nalpha\nbeta >>= 2\n")
    told(mooring("lock"), 2, "requirements.in:3")


@pytest.mark.process
@pytest.mark.network
class TestResolving:
    """What an index or the declared requirements make impossible."""

    def test_conflict_between_groups(
        self, project: Path, stocked: FakeIndex, mooring: Mooring
    ) -> None:
        groups = '[dependency-groups]\nold = ["beta<2"]\nnew = ["beta>=2"]\n'
        (project / "pyproject.toml").write_text(manifest(stocked) + groups)
        told(mooring("lock"), 2, "beta", "old", "new")
        assert not (project / "pylock.toml").exists()

    def test_package_that_does_not_exist(
        self, project: Path, stocked: FakeIndex, mooring: Mooring
    ) -> None:
        (project / "pyproject.toml").write_text(manifest(stocked, dependencies='"nosuchthing"'))
        told(mooring("lock"), 2, "nosuchthing", "pyproject.toml")

    def test_index_down(self, project: Path, stocked: FakeIndex, mooring: Mooring) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        text = manifest(stocked).replace(stocked.url, f"http://user:s3cret@127.0.0.1:{port}/simple")
        (project / "pyproject.toml").write_text(text)
        outcome = mooring("lock")
        told(outcome, 3, "127.0.0.1", "hint:")
        assert "s3cret" not in outcome.err

    def test_index_that_needs_a_password(
        self, project: Path, stocked: FakeIndex, mooring: Mooring, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stocked.auth = "user:s3cret"
        (project / "pyproject.toml").write_text(manifest(stocked))
        told(mooring("lock"), 3, "UV_INDEX_TEST_PASSWORD")
        monkeypatch.setenv("UV_INDEX_TEST_USERNAME", "user")
        monkeypatch.setenv("UV_INDEX_TEST_PASSWORD", "wr0ng")
        outcome = mooring("lock")
        told(outcome, 3, "UV_INDEX_TEST_PASSWORD")
        assert "wr0ng" not in outcome.err
        monkeypatch.setenv("UV_INDEX_TEST_PASSWORD", "s3cret")
        assert mooring("lock").code == 0
        assert "s3cret" not in (project / "pylock.toml").read_text()

    @pytest.mark.parametrize(
        ("damage", "words"),
        [
            (lambda text: text[: len(text) // 2], ("pylock.toml",)),
            (lambda text: "<<<<<<< ours\n" + text, ("merge-conflict", "pylock.toml:1")),
            (lambda text: text.replace('lock-version = "1.0"', 'lock-version = "2.0"'), ("2.0",)),
            (lambda text: text.replace("sha256 = ", "md5 = ", 1), ("packages[",)),
        ],
    )
    def test_a_broken_lock_is_kept_and_named(
        self,
        project: Path,
        stocked: FakeIndex,
        mooring: Mooring,
        damage: object,
        words: tuple[str, ...],
    ) -> None:
        assert callable(damage)
        (project / "pyproject.toml").write_text(manifest(stocked))
        mooring("lock")
        path = project / "pylock.toml"
        broken = damage(path.read_text())
        path.write_text(broken)
        for command in (["lock"], ["lock", "--check"], ["export"]):
            told(mooring(*command), 2, *words)
        assert path.read_text() == broken
        assert mooring("lock", "--upgrade").code == 0

    def test_a_wrong_sha256_is_not_installed(
        self, project: Path, stocked: FakeIndex, mooring: Mooring
    ) -> None:
        (project / "pyproject.toml").write_text(manifest(stocked))
        mooring("lock")
        path = project / "pylock.toml"
        [file] = stocked.projects["alpha"][-1:]
        path.write_text(path.read_text().replace(file.sha256, "0" * 64))
        told(mooring("sync"), 1, "stale", "edited")
        outcome = mooring("sync", "--frozen")
        told(outcome, 3, "alpha")
        assert "hash" in outcome.err.lower() or "sha256" in outcome.err

    def test_template_missing_or_undefined(
        self, project: Path, stocked: FakeIndex, mooring: Mooring
    ) -> None:
        image = '[tool.mooring.image]\nbase = "scratch-base:1"\n'
        (project / "pyproject.toml").write_text(manifest(stocked, more=image))
        mooring("lock", "--no-base")
        told(mooring("render", "--no-base", "--template", "slimm"), 2, "slimm", "slim")
        (project / "mine.j2").write_text("FROM scratch\n{{ nothing_like_it }}\n")
        told(
            mooring("render", "--no-base", "--template", "mine.j2"), 2, "mine.j2:2", "nothing_like"
        )
        assert not (project / "Dockerfile").exists()

    def test_engine_absent(
        self, project: Path, stocked: FakeIndex, mooring: Mooring, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (project / "pyproject.toml").write_text(manifest(stocked))
        mooring("lock")
        monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
        told(mooring("verify", "--image", "nothing:1"), 3, "engine")
        told(mooring("verify", "--container", "nothing"), 3, "engine")

    def test_there_is_nothing_to_verify(
        self, project: Path, stocked: FakeIndex, mooring: Mooring
    ) -> None:
        (project / "pyproject.toml").write_text(manifest(stocked))
        mooring("lock")
        told(mooring("verify", ".venv"), 3, ".venv")
        told(mooring("verify", ".", "--environment", "nope"), 3, ".")
        told(mooring("export", "--environment", "nope"), 2, "nope", "default")
        told(mooring("export", "--platform", "linux-ppc64le"), 2, "linux-ppc64le", "osx-arm64")
        told(mooring("export", "--platform", "linux-63"), 2, "linux-63", "linux-64")
