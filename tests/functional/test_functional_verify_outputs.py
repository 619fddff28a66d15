"""`mooring verify`: every report of one run, each where it was asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from tests.environments import install, make_venv
from tests.functional.command import Mooring

from mooring.digests import sha256_hex
from mooring.lock.formats import pylock
from mooring.lock.model import Artifact, Lock, Package


@pytest.fixture
def drifted(project: Path) -> Path:
    """Return the lock file of a repository whose environment has one changed file."""
    (project / ".git").mkdir()
    service = project / "service"
    service.mkdir()
    site = make_venv(service / ".venv")
    install(site, "alpha", files={"alpha.py": b"a"})
    install(site, "beta")
    (site / "alpha.py").write_bytes(b"b")
    path = service / "pylock.toml"
    path.write_text(
        pylock.write(Lock(created_by="test", packages=(_locked("alpha"), _locked("beta"))))
    )
    return path


def _locked(name: str) -> Package:
    file = f"{name}-1.0-py3-none-any.whl"
    wheel = Artifact(
        kind="wheel",
        name=file,
        url=f"https://files.example.org/{file}",
        hashes=(("sha256", "a" * 64),),
    )
    return Package(name=name, version="1.0", wheels=(wheel,))


def line_of_alpha(lock: Path) -> int:
    return lock.read_text().splitlines().index('name = "alpha"') + 1


def test_several_at_once(drifted: Path, mooring: Mooring) -> None:
    said = mooring(
        *("verify", "--lock", drifted, "--output", "sarif=out/mooring.sarif"),
        *("--output", "junit=out/mooring.xml", "--output", "json=out/a=b.json"),
        *("--output", "markdown=out/mooring.md", "--output", "github=-"),
    )
    assert said.code == 1
    line = line_of_alpha(drifted)
    assert said.out.startswith(f"::error file=service/pylock.toml,line={line},title=MOR106::alpha")
    out = Path("out")
    report = json.loads((out / "a=b.json").read_text())
    assert report["lock"]["path"] == "service/pylock.toml"
    assert report["lock"]["sha256"] == sha256_hex(drifted.read_bytes())
    assert report["started"].endswith("Z")
    assert report["duration_s"] >= 0
    [finding] = [row for row in report["findings"] if row["failing"]]
    assert finding["lock_line"] == line
    sarif = json.loads((out / "mooring.sarif").read_text())
    [result] = [r for r in sarif["runs"][0]["results"] if r["level"] == "error"]
    assert result["partialFingerprints"]["mooring/v1"] in finding["fingerprint"]
    [failure] = ET.parse(out / "mooring.xml").getroot().iter("failure")
    assert failure.attrib["type"] == "MOR106"
    assert "| fails | `alpha` |" in (out / "mooring.md").read_text()
    assert sorted(path.name for path in out.iterdir()) == [
        *("a=b.json", "mooring.md", "mooring.sarif", "mooring.xml")
    ]


@pytest.mark.parametrize("form", ["json", "sarif", "junit", "github", "markdown"])
def test_only_text_is_a_table(drifted: Path, mooring: Mooring, form: str) -> None:
    said = mooring("verify", "--lock", drifted, "--format", form)
    assert said.code == 1
    assert said.err == ""
    table = mooring("verify", "--lock", drifted, "--output", f"{form}=report")
    assert "expected" in table.out
    assert "fix: " in table.err
    if form not in ("json", "sarif", "junit"):  # they tell the time
        assert Path("report").read_text() == said.out


def test_what_makes_no_sense_is_refused_before_anything_is_read(
    drifted: Path, mooring: Mooring
) -> None:
    for options in (
        ("--output", "sarif"),
        ("--output", "sarif="),
        ("--output", "pdf=x"),
        ("--output", "text=x"),
        ("--output", "json=x", "--output", "sarif=x"),
        ("--output", "json=-", "--output", "sarif=-"),
        ("--format", "json", "--output", "sarif=-"),
        ("--quick", "--deep"),
        ("--repair", "--deep"),
    ):
        said = mooring("verify", "--lock", "absent.toml", *options)
        assert said.code == 2
        assert "absent" not in said.err
    assert not Path("x").exists()


def test_all_files_or_none(drifted: Path, mooring: Mooring) -> None:
    Path("folder").mkdir()
    Path("old").write_text("old")
    said = mooring("verify", "--lock", drifted, "--output", "json=old", "--output", "sarif=folder")
    assert said.code == 3
    assert Path("old").read_text() == "old"


def test_the_summary_of_a_step_is_added_to(
    drifted: Path, mooring: Mooring, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = Path("summary.md").resolve()
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    mooring("verify", "--lock", drifted, "--format", "json")
    assert summary.read_text() == "before\n"
    mooring("verify", "--lock", drifted, "--format", "github")
    assert summary.read_text().startswith("before\n## ❌ mooring verify: ")
    mooring("verify", "--lock", drifted, "--output", "github=commands")
    assert summary.read_text().count("## ❌") == 2


def test_a_saved_report_becomes_any_other(drifted: Path, mooring: Mooring) -> None:
    """All formats are made of the one document, at once or later."""
    forms = ("sarif", "junit", "markdown", "github")
    now = [word for form in forms for word in ("--output", f"{form}=now.{form}")]
    assert mooring("verify", "--lock", drifted, "--output", "json=saved.json", *now).code == 1
    later = [word for form in forms for word in ("--output", f"{form}=later.{form}")]
    assert mooring("report", "saved.json", *later).out == ""
    for form in forms:
        assert Path(f"later.{form}").read_bytes() == Path(f"now.{form}").read_bytes()
    told = mooring("report", "saved.json")
    assert (told.code, told.out) == (0, Path("now.markdown").read_text())
    told = mooring("report", "saved.json", "--format", "json")
    assert told.out == Path("saved.json").read_text()
    # The table needs more than a report holds: it is not promised.
    told = mooring("report", "saved.json", "--format", "text")
    assert (told.code, "'text' is not one of" in told.err) == (2, True)
    told = mooring("report", "--help")
    assert "[default: markdown]" in " ".join(told.out.split())


def test_remedies_name_the_lock_that_was_named(drifted: Path, mooring: Mooring) -> None:
    """Without a manifest `mooring sync` alone would not find it."""
    told = mooring("verify", "--lock", drifted)
    assert told.code == 1
    fixes = [line for line in told.err.splitlines() if line.startswith("fix: ")]
    assert fixes
    assert all(f"mooring sync --lock {drifted} " in fix for fix in fixes)


@pytest.mark.parametrize(
    ("named", "code", "words"),
    [
        ("nope.json", 3, ("no such file or folder", "a saved inventory")),
        ("oci:out", 2, ("write image:oci:out",)),
        ("web.tar", 2, ("write image:web.tar",)),
    ],
)
def test_the_other_side_that_is_none(
    drifted: Path, mooring: Mooring, named: str, code: int, words: tuple[str, ...]
) -> None:
    assert drifted.exists()
    told = mooring("verify", "--same-as", named)
    assert told.code == code
    assert f"--same-as {named}" in told.err
    for word in words:
        assert word in told.err


def test_what_is_no_report_is_refused(drifted: Path, mooring: Mooring) -> None:
    Path("saved.json").write_text('{"schema": "report/1"}')
    told = mooring("report", "saved.json", "--output", "sarif=x.sarif")
    assert told.code == 2
    assert "saved.json: tool" in told.err
    assert not Path("x.sarif").exists()
    assert mooring("report", "absent.json").code == 2


def test_metadata_alone(drifted: Path, mooring: Mooring) -> None:
    """The changed file is no matter of metadata; another version is."""
    said = mooring("verify", "--lock", drifted, "--metadata", "--format", "json")
    assert (said.code, said.document["findings"]) == (0, [])
    tiers = {"T0": "done", "T1": "done", "T2": "skipped", "T3": "skipped", "T4": "skipped"}
    assert said.document["tiers"] == tiers
    counts = said.document["counts"]
    assert (counts["checked"], counts["files"]) == (2, 0)
    [metadata] = drifted.parent.glob(".venv/**/alpha-1.0.dist-info/METADATA")
    metadata.write_text(metadata.read_text().replace("Version: 1.0", "Version: 2.0"))
    said = mooring("verify", "--lock", drifted, "--metadata", "--format", "json")
    assert said.code == 1
    assert [row["rule"] for row in said.document["findings"]] == ["MOR103"]


def test_metadata_with_record_ids(drifted: Path, mooring: Mooring) -> None:
    """Where the lock has record ids, RECORDs are read, and another build is found."""
    lock = pylock.read(drifted.read_text(), "x")
    alpha, beta = lock.packages
    locked = replace(alpha, record_ids=((alpha.wheels[0].name, f"sha256:{'0' * 64}"),))
    drifted.write_text(pylock.write(replace(lock, packages=(locked, beta))))
    said = mooring("verify", "--lock", drifted, "--metadata", "--format", "json")
    assert said.code == 1
    found = [(row["rule"], row["package"]) for row in said.document["findings"]]
    assert found == [("MOR104", "alpha")]


@pytest.mark.parametrize("option", ["--quick", "--deep", "--repair", "--same-as"])
def test_metadata_goes_with_no_other_depth(drifted: Path, mooring: Mooring, option: str) -> None:
    more = [option, ".venv"] if option == "--same-as" else [option]
    assert mooring("verify", "--metadata", *more).code == 2
