"""What uv says, translated: the texts are those that uv 0.13 printed."""

from __future__ import annotations

import pytest

from mooring.install.failures import no_interpreter, sync_failure, tail
from mooring.manifest.model import Index
from mooring.platforms import PythonVersion

NO_BUILD = "because it is marked as `--no-build` but has no binary distribution"
OFFLINE = "Network connectivity is disabled, but the requested data wasn't found in the cache"
DOWNLOAD = "error: Failed to download `demo==1.0`\n"
URL = "http://127.0.0.1:1/files/demo/demo-1.0-py3-none-any.whl"
HASH = (
    f"{DOWNLOAD}  cause: Hash mismatch for `demo==1.0`\n\n         Expected:\n"
    "           sha256:0000\n\n         Computed:\n           sha256:9215\n"
)


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        (HASH, "demo==1.0 is not the artifact in the lock: locked sha256:0000, found", "edited"),
        (
            (
                f"{DOWNLOAD}  cause: Failed to fetch: {URL}\n"
                f"  cause: HTTP status client error (404 Not Found) for url ({URL})"
            ),
            "the locked file of demo==1.0 is gone",
            "mooring lock",
        ),
        (
            (
                f"{DOWNLOAD}  cause: Failed to fetch: {URL}\n"
                f"  cause: HTTP status client error (401 Unauthorized) for url ({URL})"
            ),
            "demo==1.0: the index at 127.0.0.1:1 refused",
            "UV_INDEX_OWN_USERNAME",
        ),
        (
            (
                f"{DOWNLOAD}  cause: Failed to fetch: {URL}\n  cause: error sending request\n"
                "  cause: tcp connect error\n  cause: Connection refused (os error 111)"
            ),
            "demo==1.0: 127.0.0.1:1 cannot be reached: Connection refused",
            "network",
        ),
        (
            (
                f"{DOWNLOAD}  cause: Failed to extract archive: demo-1.0-py3-none-any.whl\n"
                "  cause: Invalid zip file structure\n  cause: Encountered an unexpected header"
            ),
            "demo==1.0 is not the artifact in the lock, it is damaged",
            "serves something else",
        ),
        (
            (
                f"{DOWNLOAD}  cause: Failed to extract archive: demo-1.0-py3-none-any.whl\n"
                "  cause: I/O operation failed during extraction\n  cause: Failed to fetch\n"
                "  cause: end of file before message length reached"
            ),
            "cannot be reached",
            "network",
        ),
        (
            f"{DOWNLOAD}  cause: {OFFLINE}: {URL}",
            "not everything that is needed is in uv's cache",
            "--offline",
        ),
        (
            (
                f"{DOWNLOAD}  cause: Failed to write to the distribution cache\n"
                "  cause: failed to flush file: No space left on device (os error 28)"
            ),
            "the disk is full",
            "sync again",
        ),
        (
            (
                "error: Failed to install: demo.whl (demo==1.0)\n"
                "  cause: failed to create directory `/x/lib`: Permission denied (os error 13)"
            ),
            "a file may not be written",
            "who owns",
        ),
        (
            f"error: Package `comp` can't be installed {NO_BUILD}",
            "does not fit this Python or machine",
            "platforms",
        ),
        (
            "error: Failed to build `src==1.0`\n  cause: The build backend returned an error",
            "src==1.0 cannot be built from source",
            "wheel",
        ),
        (
            "error: `RECORD` file is invalid\n  cause: CSV parse error: record 0",
            "an installed package is damaged",
            "remove the environment's folder",
        ),
        ("error: something new", "uv could not install the lock:\n  error: something new", ""),
        ("", "(it said nothing)", ""),
    ],
)
def test_explained(said: str, message: str, hint: str) -> None:
    index = Index(name="own", url="http://127.0.0.1:1/")
    error = sync_failure(said, "/env", (index,))
    assert message in error.message
    assert hint in (error.hint or "")
    assert error.where == "/env"
    assert error.exit_code == 3


def test_no_secret() -> None:
    error = sync_failure("error: odd https://user:hunter2@x.example/simple\x1b[31m", "/env")
    assert "hunter2" not in str(error)
    assert "\x1b" not in str(error)


def test_no_interpreter() -> None:
    python = PythonVersion(minor=14)
    plain = no_interpreter(python, "/env", "error: No interpreter found for Python 3.14 in ...")
    assert plain.message == "there is no usable Python 3.14 on this machine"
    assert "3.14" in (plain.hint or "")
    broken = no_interpreter(python, "/env", "error: Failed to inspect /x/python3.14")
    assert "Failed to inspect" in broken.message


def test_tail() -> None:
    assert tail("\n".join(map(str, range(50))), 2) == "  48\n  49"
