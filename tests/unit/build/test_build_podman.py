"""podman by its command: what is asked, and what its answers mean."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

import pytest

from mooring.build.daemon import EngineError
from mooring.build.engines import EngineFiles, first_with, known_engines
from mooring.build.podman import Podman
from mooring.build.reading import EngineTarget, NoTargetError
from mooring.process import Completed

IMAGE = {
    "Id": "cafe",
    "Os": "linux",
    "Architecture": "arm64",
    "Config": {"Env": ["VIRTUAL_ENV=/srv/env"], "Labels": None},
}
CONTAINER = {
    "Id": "beef",
    "Image": "cafe",
    "State": {"Pid": 12},
    "Config": {"Env": ["A=b=c"], "Labels": {"dev.mooring.environment-root": "/opt/x"}},
}


class FakePodman:
    """Answers like podman, and notes what it was asked."""

    def __init__(self, **known: object) -> None:
        self.asked: list[tuple[str, ...]] = []
        self._known = known
        self.tar = b"tar"

    def run(self, argv: Sequence[str]) -> Completed:
        words = tuple(argv)
        self.asked.append(words[1:])
        code, out, err = 0, "", ""
        if words[1] == "inspect":
            found = self._known.get(f"{words[3]}_{words[-1]}")
            code, out = (0, json.dumps([found])) if found else (125, "[]")
            err = "" if found else f'Error: no such {words[3]} "{words[-1]}"'
        elif words[1] == "create":
            out = "made\n"
        return Completed(argv=words, returncode=code, stdout=out, stderr=err)

    @contextmanager
    def stream(self, argv: Sequence[str]) -> Iterator[IO[bytes]]:
        self.asked.append(tuple(argv[1:]))
        yield io.BufferedReader(io.BytesIO(self.tar))


def podman(fake: FakePodman) -> Podman:
    return Podman(run=fake.run, stream=fake.stream)


def test_a_container() -> None:
    fake = FakePodman(container_web=CONTAINER, image_cafe=IMAGE)
    found = podman(fake).find_container("web")
    assert (found.kind, found.id, found.pid) == ("container", "beef", 12)
    assert (found.platform, found.root) == ("linux/arm64", "/opt/x")
    assert found.variables == {"A": "b=c"}
    with podman(fake).folder_stream(found, "/opt/x") as stream:
        assert stream.read() == b"tar"
    assert fake.asked[-1] == ("cp", "beef:/opt/x", "-")


def test_an_image_is_never_started() -> None:
    fake = FakePodman(image_web=IMAGE)
    found = podman(fake).find_image("web")
    assert (found.kind, found.root, found.pid) == ("image", "/srv/env", 0)
    with podman(fake).folder_stream(found, "/srv/env") as stream:
        assert stream.read() == b"tar"
    assert [words[0] for words in fake.asked] == ["inspect", "create", "cp", "rm"]
    assert fake.asked[-1] == ("rm", "--force", "--volumes", "made")


def test_the_made_container_goes_away_in_any_case() -> None:
    fake = FakePodman(image_web=IMAGE)
    fake.tar = b""
    with (
        pytest.raises(NoTargetError, match="has no /srv/env"),
        podman(fake).folder_stream(podman(fake).find_image("web"), "/srv/env"),
    ):
        pass
    assert fake.asked[-1][0] == "rm"


def test_what_is_absent() -> None:
    with pytest.raises(NoTargetError, match="podman has no container 'web'") as caught:
        podman(FakePodman()).find_container("web")
    assert caught.value.exit_code == 3


def test_a_name_is_never_an_option() -> None:
    fake = FakePodman()
    with pytest.raises(NoTargetError):
        podman(fake).find_image("--all")
    assert fake.asked == [("inspect", "--type", "image", "--", "--all")]


def test_podman_that_fails_or_says_nonsense() -> None:
    def fail(argv: Sequence[str]) -> Completed:
        return Completed(argv=tuple(argv), returncode=125, stdout="", stderr="Error: no space")

    def talk(argv: Sequence[str]) -> Completed:
        return Completed(argv=tuple(argv), returncode=0, stdout="[1, 2]", stderr="")

    for run, message in ((fail, "no space"), (talk, "does not describe")):
        with pytest.raises(EngineError, match=message):
            Podman(run=run).find_image("web")


def test_the_first_engine_that_has_it() -> None:
    empty, full = FakePodman(), FakePodman(image_web=IMAGE)
    engines: list[EngineFiles] = [podman(empty), podman(full)]

    def find(engine: EngineFiles) -> EngineTarget:
        return engine.find_image("web")

    engine, found = first_with(engines, find)
    assert engine is engines[1]
    assert found.id == "cafe"


def test_an_engine_that_answers_says_more_than_one_that_is_absent() -> None:
    class Away(Podman):
        def find_image(self, name: str) -> EngineTarget:
            raise EngineError("no engine answers")

    engines: list[EngineFiles] = [Away(), podman(FakePodman())]
    with pytest.raises(NoTargetError, match="podman has no image") as caught:
        first_with(engines, lambda each: each.find_image("web"))
    assert caught.value.hint is not None
    assert "`podman pull web`" in caught.value.hint
    with pytest.raises(EngineError, match="no engine"):
        first_with(engines[:1], lambda each: each.find_image("web"))


def test_a_named_engine_is_the_only_one() -> None:
    assert [type(each).__name__ for each in known_engines("podman")] == ["Podman"]
    assert [type(each).__name__ for each in known_engines("docker")] == ["Docker"]
