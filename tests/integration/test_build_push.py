"""`mooring build --push` as a user sees it: what was built, what was pushed, what was there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines import DockerCli
from tests.functional.command import Mooring, in_process

pytestmark = [
    pytest.mark.engine,
    pytest.mark.registry,
    pytest.mark.process,
    pytest.mark.network,
]

TEMPLATE = """ARG MOORING_BASE={{ base | image }}
FROM ${MOORING_BASE}
COPY {{ requirements | copy }}
"""


@pytest.fixture
def mooring(capsys: pytest.CaptureFixture[str]) -> Mooring:
    return in_process(capsys)


@pytest.fixture
def repository(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    docker_cli: DockerCli,
    base_image: str,
    registry: str,
) -> Iterator[str]:
    """Give the repository of a project without packages, whose folder is the working folder."""
    name = f"{registry}/mooring-test/push-{tmp_path.name}".lower()
    (tmp_path / "Dockerfile.j2").write_text(TEMPLATE)
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "pushed"\nversion = "1.0"\n'
        '[tool.mooring]\npython = "3.11"\nplatforms = ["linux-64", "linux-aarch64"]\n'
        f'[tool.mooring.image]\nbase = "{base_image}"\nrepository = "{name}"\n'
        'template = "Dockerfile.j2"\n'
    )
    monkeypatch.chdir(tmp_path)
    yield name
    for image in set(docker_cli.run("images", "--quiet", name).split()):
        docker_cli.run("rmi", "--force", image, check=False)


def test_every_outcome_has_its_own_word(
    repository: str, mooring: Mooring, docker_cli: DockerCli
) -> None:
    locked = mooring("lock")
    assert locked.code == 0, locked.err
    built = mooring("build", "--no-smoke", "--format", "json")
    assert built.code == 0, built.err
    assert built.err.endswith(": built\n")
    assert (built.document["reused"], built.document["pushed"]) == (False, False)
    assert mooring("build", "--no-smoke").err.endswith(": is there already\n")

    pushed = mooring("build", "--no-smoke", "--push", "--tag-version", "--format", "json")
    assert pushed.err.endswith(f"{repository}:1.0: built earlier, pushed now\n")
    assert (pushed.document["reused"], pushed.document["pushed"]) == (True, True)

    again = mooring("build", "--no-smoke", "--push", "--format", "json")
    assert again.err.endswith(": is in the registry already\n")
    assert (again.document["reused"], again.document["pushed"]) == (True, False)
    assert again.document["digest"] == pushed.document["digest"]

    with Path("Dockerfile.j2").open("a") as stream:
        stream.write("# another content\n")
    other = mooring("build", "--no-smoke", "--push")
    assert other.err.endswith(": built and pushed\n")
