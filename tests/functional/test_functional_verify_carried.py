"""`mooring verify` of an image with nothing at hand but the lock in it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.environments import install, locked, make_venv, selection
from tests.functional.command import Mooring
from tests.images import HARD, LINK, Member, config, layer, write_archive, write_layout

from mooring.artifacts.record import installed_record_id
from mooring.build.embedded.plan.lock_entries import lock_digest, lock_text
from mooring.lock.carried import LOCK_DIGEST_LABEL
from mooring.lock.formats import pylock
from mooring.lock.model import Lock, Selection
from mooring.platforms import Platform, PythonVersion

LOCK = "opt/env/share/mooring/pylock.toml"
SITE = "opt/env/lib/python3.11/site-packages"
LOCKED = selection(locked("alpha", sdist=False), python=PythonVersion(minor=11))


def text_of(chosen: Selection = LOCKED) -> bytes:
    return lock_text(chosen).encode()


def environment(project: Path, *members: Member) -> bytes:
    """Return a layer with an environment that holds alpha, and what else is asked for."""
    folder = project.parent / "made"
    if not folder.exists():
        install(make_venv(folder), "alpha")
    return layer(members, folder=folder, at="opt/env")


def image(
    project: Path,
    layers: Sequence[bytes],
    *,
    labels: Mapping[str, str] | None = None,
    architecture: str = "amd64",
) -> str:
    described = config(layers, labels=labels, architecture=architecture)
    write_layout(project.parent / "image", {"v1": (layers, described)})
    return f"oci:{project.parent}/image"


def target(project: Path, form: str, made: bytes) -> list[str]:
    """Return the options that name an environment in some form; `made` is its layer."""
    if form == "layout":
        return ["--image", image(project, [made])]
    path = project.parent / f"{form}.tar"
    if form == "archive":
        return ["--image", str(write_archive(path, [made], config([made]), "web:1"))]
    path.write_bytes(made)
    return ["--tar", str(path), "--root", "/opt/env"]


@pytest.mark.parametrize("form", ["layout", "archive", "root"])
def test_without_a_project(project: Path, mooring: Mooring, form: str) -> None:
    good = environment(project, (LOCK, text_of()))
    bad = environment(project, (LOCK, text_of()), (f"{SITE}/alpha/__init__.py", b"x = 2\n"))
    for made, code in ((good, 0), (bad, 1)):
        told = mooring("verify", *target(project, form, made))
        assert told.code == code, told.err
        assert "lock that is in the" in told.err
        assert "not who built it" in told.err
        assert ("MOR106" in told.out) == bool(code)


def test_a_tar_of_the_folder(project: Path, mooring: Mooring) -> None:
    environment(project)
    path = project.parent / "env.tar"
    members: list[Member] = [("env/share/mooring/pylock.toml", text_of())]
    path.write_bytes(layer(members, folder=project.parent / "made", at="env"))
    told = mooring("verify", "--tar", str(path))
    assert told.code == 0, told.err
    assert "lock that is in the tar itself" in told.err


def test_the_report_names_the_lock_of_the_image(project: Path, mooring: Mooring) -> None:
    name = image(
        project,
        [environment(project, (LOCK, text_of()))],
        labels={LOCK_DIGEST_LABEL: lock_digest(LOCKED)},
    )
    told = mooring("verify", "--format", "json", "--image", name)
    assert told.code == 0, told.err
    assert told.document["lock"]["path"] == LOCK
    assert f"sha256:{told.document['lock']['sha256']}" == lock_digest(LOCKED)
    assert told.document["packages"][0]["lock_line"] is not None
    assert told.document["findings"] == [], "the lock itself is no stray file"


def test_a_lock_that_is_named_wins(project: Path, mooring: Mooring) -> None:
    name = image(project, [environment(project, (LOCK, text_of()))])
    other = pylock.write(Lock(created_by="test", packages=(locked("beta", sdist=False).package,)))
    (project / "other.toml").write_text(other)
    told = mooring("verify", "--lock", "other.toml", "--format", "json", "--image", name)
    assert told.code == 1
    assert "lock that is in the" not in told.err
    assert told.document["lock"]["path"] == "other.toml"


def test_a_project_wins(project: Path, mooring: Mooring) -> None:
    name = image(project, [environment(project, (LOCK, text_of()))])
    other = pylock.write(Lock(created_by="test", packages=(locked("beta", sdist=False).package,)))
    (project / "pylock.toml").write_text(other)
    (project / "mooring.toml").write_text('dependencies = ["beta"]\npython = "3.11"\n')
    told = mooring("verify", "--frozen", "--format", "json", "--image", name)
    assert told.code == 1, told.err
    assert told.document["lock"]["path"] == "pylock.toml"


@pytest.mark.parametrize(
    "words", [[], ["--pid", "1"], ["env"], ["--image", "IMAGE", "-C", "elsewhere"]]
)
def test_other_targets_still_need_a_project(
    project: Path, mooring: Mooring, words: list[str]
) -> None:
    (project / "elsewhere").mkdir()
    name = image(project, [environment(project, (LOCK, text_of()))])
    told = mooring("verify", *[name if word == "IMAGE" else word for word in words])
    assert told.code == 2
    assert "no manifest" in told.err


def test_a_broken_manifest_is_no_missing_one(project: Path, mooring: Mooring) -> None:
    (project / "mooring.toml").write_text("dependencies = [")
    name = image(project, [environment(project, (LOCK, text_of()))])
    told = mooring("verify", "--image", name)
    assert told.code == 2
    assert "TOML" in told.err


HUGE = b"# " + b"x" * (9 << 20) + b"\n"


@pytest.mark.parametrize(
    ("member", "said"),
    [
        (None, "carries no lock"),
        ((LOCK, b"\xff\xfe"), "not UTF-8"),
        ((LOCK, b"lock-version = "), "damaged"),
        ((LOCK, HUGE), "larger than 8 MiB"),
        ((LOCK, HUGE[: 3 << 20]), "larger than 2 MiB"),
        ((LOCK, LINK, "/etc/passwd"), "a link leads out of the environment"),
        ((LOCK, LINK, "../../pyvenv.cfg"), "it is a link"),
        ((LOCK, HARD, "etc/passwd"), "cannot be read"),
        ((LOCK, HARD, "opt/env/pyvenv.cfg"), "damaged"),
        ((f"{LOCK}/inside", b""), "carries no lock"),
    ],
)
def test_no_lock_that_can_be_used(
    project: Path, mooring: Mooring, member: Member | None, said: str
) -> None:
    members = [member] if member else []
    told = mooring("verify", "--image", image(project, [environment(project, *members)]))
    assert told.code == 3, told.err
    assert said in told.err
    assert "--lock FILE" in told.err


def test_a_lock_for_another_platform(project: Path, mooring: Mooring) -> None:
    arm = selection(
        locked("alpha", sdist=False),
        python=PythonVersion(minor=11),
        platform=Platform.parse("linux-aarch64"),
    )
    made = [environment(project, (LOCK, text_of(arm)))]
    told = mooring("verify", "--image", image(project, made))
    assert told.code == 3
    assert "linux-aarch64" in told.err
    assert "linux/amd64" in told.err
    # The image of that platform is verified on any machine.
    told = mooring("verify", "--image", image(project, made, architecture="arm64"))
    assert told.code == 0, told.err


@pytest.mark.parametrize("present", [True, False])
def test_the_label_of_another_lock(project: Path, mooring: Mooring, present: bool) -> None:
    made = environment(project, *([(LOCK, text_of())] if present else []))
    name = image(project, [made], labels={LOCK_DIGEST_LABEL: "sha256:" + "0" * 64})
    told = mooring("verify", "--image", name)
    assert told.code == 3
    assert ("was changed" if present else "is gone") in told.err


def test_environments(project: Path, mooring: Mooring) -> None:
    name = image(project, [environment(project, (LOCK, text_of()))])
    assert mooring("verify", "-e", "default", "--image", name).code == 0
    told = mooring("verify", "-e", "dev", "--image", name)
    assert told.code == 2
    assert "'default', not 'dev'" in told.err


def test_a_whiteout_takes_the_lock_away(project: Path, mooring: Mooring) -> None:
    layers = [
        environment(project, (LOCK, text_of())),
        layer([("opt/env/share/mooring/.wh.pylock.toml", b"")]),
    ]
    told = mooring("verify", "--image", image(project, layers))
    assert told.code == 3
    assert "carries no lock" in told.err


def test_quick(project: Path, mooring: Mooring) -> None:
    name = image(project, [environment(project, (LOCK, text_of()))])
    assert mooring("verify", "--quick", "--image", name).code == 0


@pytest.mark.parametrize("code", [0, 1])
def test_a_record_that_was_changed_with_its_file(
    project: Path, mooring: Mooring, code: int
) -> None:
    info = install(make_venv(project.parent / "clean"), "alpha")
    rows = [line.split(",") for line in (info / "RECORD").read_text().splitlines()]
    kept = [(row[0], row[1].replace("sha256=", "sha256:") or None) for row in rows]
    pairs = [(path, hexadecimal(value)) for path, value in kept]
    record_id = installed_record_id(pairs, info=info.name, site="lib/python3.11/site-packages")
    alpha = LOCKED.packages[0]
    known = replace(alpha.package, record_ids=((alpha.artifact.name, record_id),))
    text = text_of(replace(LOCKED, packages=(replace(alpha, package=known),)))
    if code:
        install(
            make_venv(project.parent / "made"), "alpha", files={"alpha/__init__.py": b"x = 2\n"}
        )
    told = mooring("verify", "--image", image(project, [environment(project, (LOCK, text))]))
    assert told.code == code, told.err
    assert ("MOR104" in told.out or "MOR111" in told.out) == bool(code)


def hexadecimal(value: str | None) -> str | None:
    """Return `sha256:<hex>` for what RECORD writes in base64."""
    if value is None:
        return None
    digest = base64.urlsafe_b64decode(value.partition(":")[2] + "=")
    return f"sha256:{digest.hex()}"
