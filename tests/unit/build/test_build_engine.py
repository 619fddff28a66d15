from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from tests.fakes import RecordingReporter

from mooring.build.daemon import EngineError, no_engine
from mooring.build.engine import Engine, candidates, probe
from mooring.process import Completed, ProcessError

OLD = "20.10.24+dfsg1"
NEW = "28.5.2"
INSPECT = "Name: default\nDriver: docker\n\nNodes:\nName: default\nStatus: running\n"
CONTAINERD = '[["driver-type","io.containerd.snapshotter.v1"]]'


class Cli:
    """Docker commands by path, each with its answers by the first words of its arguments."""

    def __init__(self, **commands: Mapping[str, str]) -> None:
        self._commands = commands
        self.asked: list[str] = []

    def __call__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Completed:
        command, words = argv[0], " ".join(argv[1:])
        self.asked.append(f"{command} {words}")
        answers = self._commands.get(command)
        if answers is None:
            raise ProcessError(f"cannot start `{command}`: No such file or directory")
        for start, answer in answers.items():
            if words.startswith(start):
                return Completed(argv=tuple(argv), returncode=0, stdout=answer, stderr="")
        return Completed(argv=tuple(argv), returncode=1, stdout="", stderr="unknown command")


def version(client: str, server: str | None) -> str:
    engine = None if server is None else {"Version": server, "Os": "linux", "Arch": "amd64"}
    return json.dumps({"Client": {"Version": client}, "Server": engine})


def named(name: str) -> Mapping[str, str]:
    return {"MOORING_DOCKER": name}


def test_an_old_command_has_buildkit_inside() -> None:
    run = Cli(old={"version": version(OLD, OLD), "info": '[["Backing Filesystem","extfs"]]'})
    engine = probe(run=run, environ=named("old"))
    assert engine == Engine(
        cli="old", client_version=OLD, server_version=OLD, platform="linux/amd64"
    )
    assert not engine.takes_epoch
    assert not engine.rewrites_times
    assert len(engine.limits) == 2
    assert all(limit.endswith(".") for limit in engine.limits)


def test_a_new_command_with_buildx_and_the_containerd_store() -> None:
    run = Cli(
        new={
            "version": version(NEW, NEW),
            "buildx version": "github.com/docker/buildx v0.29.1 abcdef",
            "buildx inspect": INSPECT + "BuildKit version: v0.25.1\n",
            "info": CONTAINERD,
        }
    )
    engine = probe(run=run, environ=named("new"))
    assert (engine.buildx, engine.driver, engine.buildkit) == ("0.29.1", "docker", (0, 25))
    assert engine.takes_epoch
    assert engine.rewrites_times
    assert engine.limits == ()


def build_with(
    server: str, *, inspect: str = INSPECT, info: str = CONTAINERD, buildx: bool = True
) -> Engine:
    answers = {"version": version(NEW if buildx else OLD, server), "info": info}
    if buildx:
        answers |= {"buildx version": "buildx v0.29.1", "buildx inspect": inspect}
    return probe(run=Cli(x=answers), environ=named("x"))


@pytest.mark.parametrize(
    ("engine", "epoch", "times"),
    [
        (build_with(NEW), True, True),
        (build_with("26.0.0"), True, True),
        (build_with("25.0.3"), True, False),
        (build_with("23.0.1"), False, False),
        (build_with(NEW, info="null"), True, False),
        (build_with(NEW, buildx=False), True, False),
        (build_with(NEW, inspect=INSPECT + "Buildkit: v0.8+unknown\n"), False, False),
        (
            build_with(OLD, inspect="Driver: docker-container\nBuildKit version: v0.13.2\n"),
            True,
            True,
        ),
        (
            build_with(OLD, info="", inspect="Driver: docker-container\nBuildKit: v0.12.0\n"),
            True,
            False,
        ),
        (build_with("dev"), False, False),
    ],
)
def test_abilities(engine: Engine, epoch: bool, times: bool) -> None:
    assert (engine.takes_epoch, engine.rewrites_times) == (epoch, times)


@pytest.fixture
def path(tmp_path: Path) -> str:
    folders = []
    for name in ("first", "second", "linked"):
        (tmp_path / name).mkdir()
        folders.append(str(tmp_path / name))
        command = tmp_path / name / "docker"
        if name == "linked":
            command.symlink_to(tmp_path / "second" / "docker")
        else:
            command.touch(mode=0o755)
    return ":".join(["", str(tmp_path / "absent"), *folders])


def test_candidates_in_the_order_of_path_each_once(path: str) -> None:
    found = list(candidates({"PATH": path}))
    assert [Path(name).parent.name for name in found] == ["first", "second"]
    assert list(candidates({"PATH": path, "MOORING_DOCKER": "mine"})) == ["mine"]
    assert list(candidates({"PATH": "/nonexistent"})) == []


def test_a_new_command_without_buildx_is_passed_over(
    path: str, reporter: RecordingReporter
) -> None:
    first, second = candidates({"PATH": path})
    run = Cli(
        **{
            first: {"version": version(NEW, OLD)},
            second: {"version": version(OLD, OLD), "info": "null"},
        }
    )
    assert probe(reporter, run=run, environ={"PATH": path}).cli == second
    assert [line for line in reporter.details if "buildx component" in line]


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"version": version(NEW, NEW)}, "needs the buildx component"),
        ({"version": version("18.06.1", OLD)}, "has no BuildKit"),
        ({"version": "json"}, "does not answer as a Docker command"),
        ({"version": "[]"}, "does not answer as a Docker command"),
        ({"version": '{"Client": "podman"}'}, "does not answer as a Docker command"),
        ({}, "does not answer as a Docker command"),
    ],
)
def test_unfit_commands(answers: Mapping[str, str], reason: str) -> None:
    with pytest.raises(EngineError, match=reason) as caught:
        probe(run=Cli(x=answers), environ=named("x"))
    assert caught.value.exit_code == 3
    assert caught.value.hint is not None


def test_a_named_command_that_cannot_start_is_not_replaced(path: str) -> None:
    with pytest.raises(EngineError, match="cannot start `mine`"):
        probe(run=Cli(), environ={"PATH": path, "MOORING_DOCKER": "mine"})


def test_no_command_at_all() -> None:
    with pytest.raises(EngineError, match="no `docker` command on PATH") as caught:
        probe(run=Cli(), environ={"PATH": "/nonexistent"})
    assert caught.value.hint is not None
    assert "MOORING_DOCKER" in caught.value.hint


ABSENT = "FileNotFoundError(2, 'No such file or directory')"
CLOSED = """NewConnectionError("Connection(host='x'): Failed: [Errno 111] refused")"""
NOWHERE = """NameResolutionError("Connection(host='x'): Failed ([Errno -2] not known)")"""


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (
            f"Error while fetching server API version: ('Connection aborted.', {ABSENT})",
            "No such file or directory",
        ),
        (f"HTTPConnectionPool(host='x', port=1): Max retries (Caused by {CLOSED})", "refused"),
        (f"HTTPConnectionPool(host='x', port=1): Max retries (Caused by {NOWHERE})", "not known"),
        ("Cannot connect to the Docker daemon", "Cannot connect to the Docker daemon"),
    ],
)
def test_what_a_library_shows_is_told_in_plain_words(
    reason: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    assert no_engine(reason).message == f"no Docker engine answers: {said}"
    monkeypatch.setenv("DOCKER_HOST", "tcp://me:secret@there:2375")
    message = no_engine(reason).message
    assert message.endswith(f"there:2375: {said}")
    assert "secret" not in message


def test_an_engine_that_does_not_answer() -> None:
    with pytest.raises(EngineError, match="no Docker engine answers") as caught:
        probe(run=Cli(x={"version": version(OLD, None)}), environ=named("x"))
    assert caught.value.hint is not None
    assert "DOCKER_HOST" in caught.value.hint
