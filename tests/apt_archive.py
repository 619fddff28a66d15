"""An archive of Debian packages on this machine, and an apt that is configured with it."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from mooring.artifacts.deb_control import parse_stanzas

SUITE = "bookworm"


class _Quiet(SimpleHTTPRequestHandler):
    login = ""

    def do_GET(self) -> None:
        expected = f"Basic {base64.b64encode(self.login.encode()).decode()}"
        if self.login and self.headers["Authorization"] != expected:
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic realm=x")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        # What is published twice within a second is newer all the same.
        del self.headers["If-Modified-Since"]
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def serving(folder: Path, login: str = "") -> Iterator[str]:
    """Serve a folder, to everybody or to one `user:password`, and give its address."""
    handler = type("Handler", (_Quiet,), {"login": login})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(kw_only=True)
class Archive:
    """A folder that is an archive: `pool` with packages, `dists` with what there is.

    Attributes:
        origin: Who publishes it.
        key: Home folder of a GnuPG that signs; None leaves the archive unsigned.
    """

    folder: Path
    origin: str = "Debian"
    key: Path | None = None
    _paragraphs: dict[str, list[str]] = field(default_factory=dict)

    def add(
        self, data: bytes, control: str, *, machines: tuple[str, ...] = ("amd64", "arm64")
    ) -> Path:
        """Add a package; those of `all` machines are listed for each."""
        fields = next(parse_stanzas(control))
        name, version, machine = fields["Package"], fields["Version"], fields["Architecture"]
        path = self.folder / f"pool/main/{name[0]}/{name}/{name}_{version}_{machine}.deb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        paragraph = (
            f"{control.rstrip()}\nFilename: {path.relative_to(self.folder)}\n"
            f"Size: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
        )
        for each in machines if machine == "all" else (machine,):
            self._paragraphs.setdefault(each, []).append(paragraph)
        return path

    def publish(self, suite: str = SUITE) -> None:
        """Write the lists of what was added."""
        top = self.folder / "dists" / suite
        sums = []
        for machine in ("amd64", "arm64"):
            path = top / f"main/binary-{machine}/Packages"
            path.parent.mkdir(parents=True, exist_ok=True)
            data = "\n".join(self._paragraphs.get(machine, [])).encode()
            path.write_bytes(data)
            sums.append(f" {hashlib.sha256(data).hexdigest()} {len(data)} {path.relative_to(top)}")
        release = (
            f"Origin: {self.origin}\nSuite: {suite}\nCodename: {suite}\n"
            "Date: Thu, 01 Jan 2026 00:00:00 UTC\n"
            "Architectures: amd64 arm64\nComponents: main\nSHA256:\n" + "\n".join(sums) + "\n"
        )
        (top / "Release").write_text(release)
        (top / "InRelease").unlink(missing_ok=True)
        if self.key is not None:
            gpg(self.key, "--clearsign", "--output", str(top / "InRelease"), str(top / "Release"))


def gpg(home: Path, *words: str) -> bytes:
    """Run GnuPG with a home folder of its own."""
    command = ["gpg", "--batch", "--homedir", str(home), "--pinentry-mode", "loopback"]
    done = subprocess.run(
        [*command, "--passphrase", "", *words], check=True, capture_output=True, timeout=60
    )
    return done.stdout


def new_key(home: Path) -> Path:
    """Make a key and return the file with its public half."""
    home.mkdir(mode=0o700)
    gpg(home, "--quick-generate-key", "Archive <archive@example.com>", "ed25519", "sign", "never")
    public = home.with_suffix(".gpg")
    public.write_bytes(gpg(home, "--export"))
    return public


def configured(folder: Path, *stanzas: str) -> Path:
    """Write the configuration of an apt that knows these sources; `APT_CONFIG` names it."""
    (folder / "etc/sources.list.d").mkdir(parents=True, exist_ok=True)
    (folder / "etc/sources.list.d/archive.sources").write_text("\n".join(stanzas))
    path = folder / "host.conf"
    path.write_text(
        f'Dir::Etc "{folder}/etc";\nAcquire::Retries "0";\n'
        # Hooks of the machine are not for an apt of our own: this one would stop it.
        'APT::Update::Pre-Invoke { "false"; };\n'
    )
    return path


def stanza(address: str, *, suites: str = SUITE, option: str = "Trusted: yes") -> str:
    """Return how a machine is told of an archive."""
    return f"Types: deb\nURIs: {address}\nSuites: {suites}\nComponents: main\n{option}\n"
