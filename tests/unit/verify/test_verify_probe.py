"""The probe: what its script finds, and what an answer may be before anything is believed."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.environments import install, make_venv

from mooring.errors import MooringError
from mooring.lock.carried import CARRIED_LOCK, CarriedText
from mooring.verify.collectors import probe_script
from mooring.verify.collectors.path import NoEnvironmentError, PathCollector
from mooring.verify.collectors.probe import (
    NoPythonError,
    ProbeCollector,
    ProbeError,
    request,
    script_for,
)
from mooring.verify.inventory import Inventory
from mooring.verify.tiers import CONTENT, QUICK, Tiers

HASH = "a" * 64


class Saying:
    """A target that prints this, whatever it is asked."""

    def __init__(self, said: str) -> None:
        self._said = said

    def run(self, script: bytes, *, most_output: int) -> str:
        return self._said


class Here:
    """Runs the script's functions in this process, and changes the answer on the way."""

    def __init__(self) -> None:
        self.change: Callable[[dict[str, Any]], None] = lambda answer: None
        self.before = ""

    def run(self, script: bytes, *, most_output: int) -> str:
        answer = json.loads(probe_script.main(asked_of(script)))
        self.change(answer)
        return self.before + json.dumps(answer) + "\n"


def asked_of(script: bytes) -> str:
    """Return the request in a script, which its last line hands to `main`."""
    line = script.decode().rstrip().rpartition("\n")[2]
    asked = ast.literal_eval(line.removeprefix("sys.stdout.write(main(").removesuffix("))"))
    assert isinstance(asked, str)
    return asked


@pytest.fixture
def here() -> Here:
    return Here()


@pytest.fixture
def env(tmp_path: Path) -> Path:
    site = make_venv(tmp_path / "env")
    install(site, "pkg", files={"pkg/a.py": b"a", "pkg/b.py": b"b", "pkg/c.py": b"c"})
    (site / "pkg" / "a.py").write_bytes(b"changed")
    (site / "pkg" / "b.py").unlink()
    (site / "extra.pth").write_text("import os\n")
    (site / "link.py").symlink_to("pkg/c.py")
    (site / "leaves.py").symlink_to("/etc/passwd")
    (tmp_path / "env" / "bin" / "tool").write_text("#!/elsewhere/bin/python\n" + "x" * 5000)
    return tmp_path / "env"


def collect(transport: Saying | Here, root: object, tiers: Tiers = CONTENT) -> Inventory:
    return ProbeCollector(transport, "host", "web", str(root), tiers=tiers).collect()


@pytest.mark.parametrize("tiers", [QUICK, CONTENT])
def test_the_same_as_on_disk(here: Here, env: Path, tiers: Tiers) -> None:
    os.mkfifo(env / "fifo")
    found, local = collect(here, env, tiers), PathCollector(env, tiers=tiers).collect()
    assert found.distributions == local.distributions
    assert found.strays == local.strays
    assert found.interpreter == local.interpreter
    assert found.facts is not None
    assert local.facts is not None
    assert found.facts.foreign_scripts == ("tool",)
    assert (found.kind, found.target, found.root) == ("host", "web", str(env))


def test_names_that_are_no_utf8(here: Here, env: Path) -> None:
    site = os.fsencode(env / "lib/python3.11/site-packages")
    with open(site + b"/n\xff.py", "wb"):  # noqa: PTH123 (a name that no text has)
        pass
    assert any("n\udcff.py" in stray.path for stray in collect(here, env).strays)


def test_what_a_login_shell_prints_first(here: Here, env: Path) -> None:
    here.before = "Welcome!\n{}\n"
    assert collect(here, env).distributions


def test_the_target_is_told_where_to_look_and_nothing_else(env: Path) -> None:
    asked = request(str(env), hashed=True)
    assert set(asked) == {
        "root",
        "hash",
        "most",
        "largest",
        "keep_limit",
        "scripts",
        "head",
        "keep",
    }
    script = script_for({**asked, "root": "/a'b\"\\\n\udcff"})
    assert json.loads(asked_of(script))["root"] == "/a'b\"\\\n\udcff"


def test_it_writes_nothing_and_imports_only_the_standard_library() -> None:
    text = Path(probe_script.__file__).read_text(encoding="utf-8")
    tree = ast.parse(text, feature_version=(3, 6))
    names = {
        alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert names == {"base64", "hashlib", "json", "os", "stat", "sys"}
    assert "open(" not in text.replace("os.open(", "")
    assert "O_WRONLY" not in text
    assert "from __future__" not in text  # Python 3.6 has no annotations there


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("", "printed ''"),
        ("Segmentation fault\n", "Segmentation fault"),
        ("\x1b[2J" + "x" * 1000, r"\?\[2J"),
        ("[" * 100_000, "printed"),
        ("[]", "another document"),
        ('{"probe": 2}', "another document"),
        ('{"probe": 1}', "names no root"),
        ('{"probe": 1, "root": "env"}', "names no root"),
        ('{"probe": 1, "root": "/env"}', "lists no files"),
        ('{"probe": 1, "root": "/env", "entries": {}}', "lists no files"),
        ('{"probe": 1, "root": "/env", "error": "Permission denied"}', "Permission denied"),
    ],
)
def test_an_answer_that_is_none(said: str, message: str) -> None:
    with pytest.raises(ProbeError, match=message) as caught:
        collect(Saying(said), "/env")
    assert caught.value.exit_code == 3
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("file", "other fields"),
        (["a", "file", 1, "", HASH], "other fields"),
        (["/a", "file", 1, "", HASH, None], "leads out"),
        (["../a", "file", 1, "", HASH, None], "leads out"),
        (["a/../../b", "file", 1, "", HASH, None], "leads out"),
        (["a\0", "file", 1, "", HASH, None], "leads out"),
        ([1, "file", 1, "", HASH, None], "leads out"),
        (["a", "device", 1, "", HASH, None], "no kind"),
        (["a", [], 1, "", HASH, None], "no kind"),
        (["a", "file", -1, "", HASH, None], "no size"),
        (["a", "file", True, "", HASH, None], "no size"),
        (["a", "file", 1e9, "", HASH, None], "no size"),
        (["a", "file", 1 << 70, "", HASH, None], "no size"),
        (["a", "symlink", 0, None, None, None], "no target"),
        (["a", "file", 1, "", "A" * 64, None], "no SHA-256"),
        (["a", "file", 1, "", 5, None], "no SHA-256"),
        (["a", "file", 1, "", HASH, "!"], "no base64"),
        (["a", "file", 1, "", HASH, 5], "no base64"),
    ],
)
def test_an_entry_that_is_none(entry: object, message: str) -> None:
    said = json.dumps({"probe": 1, "root": "/env", "entries": [entry]})
    with pytest.raises(ProbeError, match=message):
        collect(Saying(said), "/env")


def test_metadata_that_is_sent_is_hashed_here(here: Here, env: Path) -> None:
    def lie(answer: dict[str, Any]) -> None:
        for entry in answer["entries"]:
            if entry[0].endswith("METADATA"):
                entry[4] = HASH

    here.change = lie
    found = collect(here, env)
    assert found.distributions == PathCollector(env).collect().distributions


@pytest.mark.parametrize("tiers", [QUICK, CONTENT])
def test_a_lock_that_is_carried_is_sent(here: Here, env: Path, tiers: Tiers) -> None:
    lock = env / CARRIED_LOCK
    lock.parent.mkdir(parents=True)
    lock.write_text("lock")
    assert collect(here, env, tiers).carried == CarriedText(data=b"lock")
    lock.unlink()
    lock.symlink_to("../../pyvenv.cfg")
    assert collect(here, env, tiers).carried == CarriedText(problem="it is a link")


def test_more_than_is_accepted() -> None:
    entries = [[f"bin/{number}", "folder", 0, "", None, None] for number in range(300_001)]
    said = json.dumps({"probe": 1, "root": "/env", "entries": entries})
    with pytest.raises(MooringError, match="more than 300000 files"):
        collect(Saying(said), "/env")


def test_no_environment(here: Here, tmp_path: Path) -> None:
    with pytest.raises(NoEnvironmentError):
        collect(here, tmp_path)
    with pytest.raises(ProbeError, match="cannot be read there: No such file"):
        collect(here, tmp_path / "none")


def test_the_far_side_stops_counting(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / str(number)).write_bytes(b"")
    said = probe_script.main(json.dumps({**request(str(tmp_path), hashed=True), "most": 3}))
    assert json.loads(said)["error"] == "it holds more than 3 files"


def test_no_python_is_told_apart() -> None:
    class Absent:
        def run(self, script: bytes, *, most_output: int) -> str:
            raise NoPythonError("there is no Python", where="web")

    with pytest.raises(NoPythonError):
        ProbeCollector(Absent(), "host", "web", "/env").collect()
