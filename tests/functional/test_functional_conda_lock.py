"""`mooring lock` with conda packages, from a channel in a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.conda_channels import CondaChannelFolder, Recipe
from tests.functional.command import Mooring
from tests.functional.conda_projects import SUBDIRS, channel, environment_yml, mooring_toml

from mooring.lock.conda import CondaLock
from mooring.lock.formats import conda_lock

__all__ = ["channel"]


def locked(project: Path) -> CondaLock:
    text = (project / "conda-lock.yml").read_text(encoding="utf-8")
    return conda_lock.read(text, "conda-lock.yml")


def versions(project: Path, platform: str = "linux-64") -> dict[str, str]:
    return {
        row.package.name: row.package.version
        for row in locked(project).conda
        if row.platform.subdir == platform
    }


def test_an_environment_yml_locks_for_every_platform(
    project: Path, channel: CondaChannelFolder, mooring: Mooring
) -> None:
    (project / "environment.yml").write_text(
        environment_yml(channel, "python=3.12", "pure >=2", "sel(win): winonly")
    )
    said = mooring("lock", "--format", "json")
    assert said.code == 0, said.err
    assert said.document["schema"] == "conda-lock/1"
    assert set(said.document["platforms"]) == set(SUBDIRS)
    assert versions(project) == {"python": "3.12.1", "pure": "2.0"}
    assert versions(project, "win-64") == {"python": "3.12.1", "pure": "2.0", "winonly": "1.0"}
    assert not (project / "pylock.toml").exists()


def test_groups_are_categories_of_one_solve(
    project: Path, channel: CondaChannelFolder, mooring: Mooring
) -> None:
    (project / "mooring.toml").write_text(mooring_toml(channel, "python 3.11.*"))
    assert mooring("lock").code == 0
    categories = {row.package.name: row.categories for row in locked(project).conda}
    assert categories["tool"] == categories["pure"] == ("dev",)
    assert "main" in categories["python"]
    facts = locked(project).facts
    assert facts is not None
    assert dict(facts.environments) == {"default": ("main",), "dev": ("dev", "main")}


def test_locking_twice_gives_the_same_bytes(
    project: Path, channel: CondaChannelFolder, mooring: Mooring
) -> None:
    (project / "mooring.toml").write_text(mooring_toml(channel, "python 3.11.*", "libwave"))
    mooring("lock")
    first = (project / "conda-lock.yml").read_bytes()
    said = mooring("lock")
    assert "nothing to resolve" in said.err
    (project / "conda-lock.yml").unlink()
    mooring("lock")
    assert (project / "conda-lock.yml").read_bytes() == first


def test_pins_stay_until_an_upgrade_is_asked_for(
    project: Path, channel: CondaChannelFolder, mooring: Mooring
) -> None:
    path = project / "mooring.toml"
    path.write_text(mooring_toml(channel, "python 3.11.*", "pure <2", "wave <1.1"))
    assert mooring("lock").code == 0
    path.write_text(mooring_toml(channel, "python 3.11.*", "pure", "wave"))
    assert mooring("lock").code == 0
    assert versions(project) == {"python": "3.11.4", "pure": "1.0", "wave": "1.0", "tool": "1.0"}
    said = mooring("lock", "--upgrade-package", "wave")
    assert versions(project)["wave"] == "1.1"
    assert versions(project)["pure"] == "1.0"
    assert "~ wave 1.0 -> 1.1" in said.err
    assert mooring("lock", "--upgrade").code == 0
    assert versions(project)["pure"] == "2.0"
    assert "no-such cannot be upgraded" in mooring("lock", "-P", "no-such").err
    assert mooring("lock", "-P", "a b").code == 2


def test_check_says_which_input_changed_and_how(
    project: Path, channel: CondaChannelFolder, mooring: Mooring
) -> None:
    path = project / "environment.yml"
    assert mooring("lock", "--check").code == 2
    path.write_text(environment_yml(channel, "python=3.12", "pure"))
    assert "there is no lock" in mooring("lock", "--check").err
    mooring("lock")
    for name in ("linux-64", "noarch"):
        (channel.folder / name / "repodata.json").unlink()  # nobody asks for it
    assert mooring("lock", "--check").code == 0
    path.write_text("# a comment\n" + environment_yml(channel, "pure", "python=3.12"))
    assert mooring("lock", "--check").code == 0
    path.write_text(environment_yml(channel, "python=3.12", "pure>=2", "wave"))
    said = mooring("lock", "--check", "--format", "json")
    assert said.code == 1
    assert said.document["changes"] == [
        'conda.dependencies: changed "pure" to "pure >=2" (environment.yml:6)',
        'conda.dependencies: added "wave" (environment.yml:7)',
    ]


def test_check_sees_platforms_channels_and_groups(
    project: Path, channel: CondaChannelFolder, mooring: Mooring
) -> None:
    path = project / "mooring.toml"
    path.write_text(mooring_toml(channel, "python 3.11.*"))
    mooring("lock")
    more = '[conda.virtual-packages]\ncuda = "12.0"\n'
    changed = mooring_toml(channel, "python 3.11.*", platforms=("linux-64", "win-64"), more=more)
    path.write_text(changed.replace('["tool"]', '["tool", "wave"]'))
    changes = mooring("lock", "--check", "--format", "json").document["changes"]
    assert 'platforms: added "win-64"' in changes
    assert any('conda.groups.dev: added "wave"' in line for line in changes)
    assert any("conda.virtual-packages" in line for line in changes)
    text = mooring_toml(channel, "python 3.11.*").replace(channel.url, f"{channel.url}/other")
    path.write_text(text)
    changes = mooring("lock", "--check", "--format", "json").document["changes"]
    assert any(line.startswith("conda.channels: added") for line in changes)


def test_a_hand_edited_lock_is_not_fresh(
    project: Path, channel: CondaChannelFolder, mooring: Mooring
) -> None:
    (project / "mooring.toml").write_text(mooring_toml(channel, "python 3.11.*"))
    mooring("lock")
    path = project / "conda-lock.yml"
    path.write_text(path.read_text().replace("sha256: ", "sha256: 0", 1))
    assert mooring("lock", "--check").code == 2
    mooring("lock", "--upgrade")
    rows = path.read_text().split("\n- name: ")
    path.write_text("\n- name: ".join([rows[0], *rows[2:]]))
    said = mooring("lock", "--check")
    assert said.code == 1
    assert "edited" in said.err


def test_recorded_inputs_that_nobody_wrote(
    project: Path, channel: CondaChannelFolder, mooring: Mooring
) -> None:
    (project / "mooring.toml").write_text(mooring_toml(channel, "python 3.11.*"))
    mooring("lock")
    path = project / "conda-lock.yml"
    text = path.read_text()
    start, end = text.index('"inputs": '), text.index('"inputs-digest"')
    for recorded, code in (("{}", 2), ('{"schema":1}', 1), ('{"schema":99,"conda":[]}', 1)):
        path.write_text(f'{text[:start]}"inputs": {recorded},\n      {text[end:]}')
        said = mooring("lock", "--check")
        assert said.code == code, said.err
        assert mooring("lock", *(["--upgrade"] if code == 2 else [])).code == 0
        assert path.read_text() == text


def test_a_lock_of_another_tool_keeps_its_pins(
    project: Path, channel: CondaChannelFolder, mooring: Mooring
) -> None:
    path = project / "mooring.toml"
    path.write_text(mooring_toml(channel, "python 3.11.*", "pure <2"))
    mooring("lock")
    path.write_text(mooring_toml(channel, "python 3.11.*", "pure"))
    lock = project / "conda-lock.yml"
    head, _, rest = lock.read_text().partition("  custom_metadata:")
    lock.write_text(head + "package:" + rest.partition("\npackage:")[2])
    said = mooring("lock", "--check")
    assert said.code == 1
    assert "does not say which inputs" in said.err
    assert mooring("export", "--platform", "linux-64", "--frozen").code == 0
    assert mooring("lock").code == 0
    assert versions(project)["pure"] == "1.0"
    assert mooring("lock", "--check").code == 0


def test_offline_works_from_the_cache(
    project: Path, channel: CondaChannelFolder, mooring: Mooring
) -> None:
    (project / "mooring.toml").write_text(mooring_toml(channel, "python 3.11.*"))
    mooring("lock")
    first = (project / "conda-lock.yml").read_bytes()
    (project / "conda-lock.yml").unlink()
    said = mooring("lock", "--offline")
    assert said.code == 0, said.err
    assert (project / "conda-lock.yml").read_bytes() == first


def test_record_ids_are_for_wheels(
    project: Path, channel: CondaChannelFolder, mooring: Mooring
) -> None:
    (project / "mooring.toml").write_text(mooring_toml(channel, "python 3.11.*"))
    said = mooring("lock", "--record-ids")
    assert said.code == 2
    assert "--record-ids" in said.err
    assert not (project / "conda-lock.yml").exists()


UNSOLVABLE = {
    "a missing name": (["python 3.11.*", "wavee"], ["wavee", "wave"]),
    "a conflict": (["python 3.11.*", "pure", "python >=3.12"], ["python"]),
    "only elsewhere": (["winonly"], ["winonly", "linux-64"]),
}


@pytest.mark.parametrize("name", UNSOLVABLE)
def test_what_has_no_solution_says_so(
    name: str, project: Path, channel: CondaChannelFolder, mooring: Mooring
) -> None:
    dependencies, words = UNSOLVABLE[name]
    (project / "mooring.toml").write_text(mooring_toml(channel, *dependencies))
    said = mooring("lock")
    assert said.code == 2, said.err
    for word in words:
        assert word in said.err
    assert not (project / "conda-lock.yml").exists()


BROKEN_FILES = {
    "a tag": b"dependencies: !!python/object:os.system [python]\n",
    "a bomb": b"a: &a [x, x, x, x, x, x, x, x, x]\n"
    + b"".join(
        b"%c: &%c [%s]\n" % (c, c, b", ".join([b"*%c" % (c - 1)] * 9)) for c in range(98, 108)
    )
    + b"dependencies: [python]\n",
    "a key twice": b"dependencies: [python]\ndependencies: [pure]\n",
    "a tab": b"dependencies:\n\t- python\n",
    "not UTF-8": b"name: caf\xe9\ndependencies: [python]\n",
    "no list": b"dependencies: numpy\n",
    "a float": b"dependencies:\n  - python: 3.10\n",
    "look-alike": "dependencies:\n  - рython\n".encode(),
    "a line end in a variable": b'dependencies: [python]\nvariables:\n  A: "x\\ny"\n',
}


@pytest.mark.parametrize("name", BROKEN_FILES)
def test_what_is_no_environment_yml_is_one_clear_error(
    name: str, project: Path, mooring: Mooring
) -> None:
    (project / "environment.yml").write_bytes(BROKEN_FILES[name])
    said = mooring("lock")
    assert said.code == 2, said.err
    assert "environment.yml" in said.err
    assert sorted(path.name for path in project.iterdir()) == ["environment.yml"]


def test_line_ends_of_windows_and_a_prefix_elsewhere_do_no_harm(
    project: Path, channel: CondaChannelFolder, mooring: Mooring
) -> None:
    text = environment_yml(channel, "python=3.12", more="prefix: /etc\n")
    (project / "environment.yml").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert mooring("lock").code == 0
    assert versions(project) == {"python": "3.12.1"}


def test_channels_that_are_not_there(
    project: Path, channel: CondaChannelFolder, mooring: Mooring
) -> None:
    text = mooring_toml(channel, "python 3.11.*")
    (project / "mooring.toml").write_text(text.replace(channel.url, f"{channel.url}/nowhere"))
    said = mooring("lock")
    assert said.code in (2, 3)
    assert "nowhere" in said.err
    assert not (project / "conda-lock.yml").exists()


DAMAGED = {
    "cut off": '{"info": {"subdir": "linux-64"}, "packages": {"python-3.11',
    "no JSON": "<html>not found</html>",
    "another shape": json.dumps({"packages": [1, 2]}),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_repodata(
    name: str, project: Path, channel: CondaChannelFolder, mooring: Mooring
) -> None:
    for path in channel.folder.glob("*/repodata.json"):
        path.write_text(DAMAGED[name])
    (project / "mooring.toml").write_text(mooring_toml(channel, "python 3.11.*"))
    said = mooring("lock")
    assert said.code == 3, said.err
    assert said.err.count("error: ") == 1
    assert not (project / "conda-lock.yml").exists()


def test_an_interrupted_write_leaves_the_old_lock(
    project: Path, channel: CondaChannelFolder, mooring: Mooring
) -> None:
    path = project / "mooring.toml"
    path.write_text(mooring_toml(channel, "python 3.11.*"))
    mooring("lock")
    before = (project / "conda-lock.yml").read_bytes()
    channel.add(Recipe(name="late"))
    path.write_text(mooring_toml(channel, "python 3.11.*", "late"))  # the index does not know it
    assert mooring("lock").code == 2
    assert (project / "conda-lock.yml").read_bytes() == before
