"""What a real engine makes of the rendered files: values byte for byte, and whole images."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.engines import DockerCli, absent
from tests.fakes import FakeIndex
from tests.unit.render.making import NASTY, direct, request_for, selection_of
from tests.wheels import sdist, wheel

from mooring.digests import sha256_hex
from mooring.lock.model import Artifact, Package, Selected
from mooring.manifest.model import ImageSpec, Index
from mooring.render import quoting
from mooring.render.engine import render
from mooring.render.interface import BaseImage, RenderRequest
from mooring.render.locate import builtin_names

pytestmark = pytest.mark.engine

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")

# six 1.17.0, a package of one file that no release will follow soon.
_SIX = Artifact(
    kind="wheel",
    name="six-1.17.0-py2.py3-none-any.whl",
    hashes=(("sha256", "4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274"),),
)


class Images:
    """Builds images with BuildKit and removes them again."""

    def __init__(self, cli: DockerCli, folder: Path) -> None:
        self.cli = cli
        self._folder = folder
        self._tags: list[str] = []

    def build(self, name: str, files: Mapping[str, bytes | str], *options: str) -> str:
        """Build a context of these files; the files keep nobody else from reading them."""
        context = self._folder / name
        for path, content in files.items():
            (context / path).parent.mkdir(parents=True, exist_ok=True)
            data = content.encode() if isinstance(content, str) else content
            (context / path).write_bytes(data)
            (context / path).chmod(0o600)
        tag = f"mooring-test/quote:{name}-{uuid.uuid4().hex[:12]}"  # tests may run side by side
        self.cli.run("build", "--quiet", "--tag", tag, *options, str(context), timeout=600)
        self._tags.append(tag)
        return tag

    def config(self, tag: str) -> dict[str, Any]:
        """Return the configuration of an image."""
        found: dict[str, Any] = json.loads(self.cli.run("image", "inspect", tag))[0]["Config"]
        return found

    def shell(self, tag: str, script: str) -> str:
        """Run a script inside an image without network."""
        return self.cli.run(
            "run", "--rm", "--network=none", "--entrypoint=/bin/sh", tag, "-c", script
        )

    def remove(self) -> None:
        """Remove every image that was built."""
        for tag in self._tags:
            self.cli.run("image", "rm", "--force", tag, check=False)


@pytest.fixture
def images(
    docker_cli: DockerCli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Images]:
    monkeypatch.setenv("DOCKER_BUILDKIT", "1")
    client = docker_cli.run("version", "--format", "{{.Client.Version}}")
    if int(client.partition(".")[0]) >= 23:
        try:
            docker_cli.run("buildx", "version")
        except AssertionError:
            absent(f"{docker_cli.path} has no buildx; MOORING_DOCKER may name another one")
    images = Images(docker_cli, tmp_path)
    yield images
    images.remove()


def test_values_arrive_byte_for_byte(images: Images, base_image: str) -> None:
    values = {key.replace("-", "_"): value for key, value in NASTY.items()}
    values["long"] = "x" * (quoting.MAX_LINE_BYTES - 20)
    command = [*NASTY.values(), "a\nb\r\t\x01\x1b\x7f\x85"]
    lines = [f"FROM {quoting.image(base_image)}"]
    for key, value in values.items():
        lines.append(f"ENV {quoting.env(value, 'E_' + key)}")
        lines.append(f"LABEL {quoting.label(value, 'com.example.' + key)}")
        lines.append(f"ARG {quoting.arg(value, 'A_' + key)}\nENV X_{key}=$A_{key}")
    lines.append(f"HEALTHCHECK CMD {quoting.command(command)}")
    lines.append(f"ENTRYPOINT {quoting.command(command)}")
    lines.append(f"CMD {quoting.command(command)}")
    tag = images.build("values", {"Dockerfile": "\n".join(lines) + "\n"})
    config = images.config(tag)
    environment = dict(pair.split("=", 1) for pair in config["Env"])
    for key, value in values.items():
        assert environment[f"E_{key}"] == value
        assert environment[f"X_{key}"] == value
        assert config["Labels"][f"com.example.{key}"] == value
    assert config["Healthcheck"]["Test"] == ["CMD", *command]
    assert config["Entrypoint"] == command
    assert config["Cmd"] == command


@pytest.mark.parametrize("path", ["/my app", "/a$HOME", "/a\"'b", "/a\\b", "/a#b", "/ü/x\\"])
def test_workdir_arrives_byte_for_byte(path: str, images: Images, base_image: str) -> None:
    text = f"FROM {base_image}\nWORKDIR {quoting.workdir(path)}\n"
    assert images.config(images.build("workdir", {"Dockerfile": text}))["WorkingDir"] == path


def test_shell_words_arrive_byte_for_byte(images: Images, base_image: str) -> None:
    words = quoting.words(list(NASTY.values()))
    text = f"FROM {base_image}\nRUN printf '%s\\0' {words} > /words\n"
    tag = images.build("words", {"Dockerfile": text})
    code = "import sys; print(ascii(open('/words', 'rb').read().decode().split('\\0')[:-1]))"
    printed = images.shell(tag, f'python3 -c "{code}"')
    assert printed == ascii(list(NASTY.values()))


def test_files_are_copied_under_their_own_names(images: Images, base_image: str) -> None:
    names = [
        "plain", "a b", "it's", 'q"q', "it's \"x\" $y", "$HOME", "${X}", "#x", "!x", "ün ï", "-x",
        "--chmod=1", "<<EOF", "{a,b}", "a:b", "~x", "`x`", "&;|", "%s", "dir one/g", "a,b", "x=y",
    ]  # fmt: skip
    request = request_for(ImageSpec(files=tuple(names)), base=BaseImage(reference=base_image))
    rendered = render(request, root=Path("/nowhere")).files
    copies = [line for line in rendered["Dockerfile"].splitlines() if line.startswith("COPY --ch")]
    assert len(copies) == len(names)
    files = {
        "Dockerfile": "\n".join([f"FROM {base_image}", "WORKDIR /app", *copies, ""]),
        ".dockerignore": rendered[".dockerignore"],
        "other": "must stay out",
    }
    tag = images.build("files", {**files, **{name: name for name in names}})
    found = images.shell(
        tag, 'cd /app && find . -type f | while read -r f; do cat "$f"; echo; done'
    )
    assert sorted(found.splitlines()) == sorted(names)


def _request(base: str) -> tuple[RenderRequest, dict[str, bytes | str]]:
    """Return a request (of an index's wheel, a local wheel and a local sdist) and its files."""
    tool = wheel(
        "tool",
        "1.0",
        files={"tool/__init__.py": b"def main() -> None:\n    print('tool runs')\n"},
        entry_points={"tool": "tool:main"},
    )
    old = wheel("old", "1.0", files={"old/__init__.py": b"", "old/broken.py": b"print 'x'\n"})
    sdist_name, sdist_data = sdist(old)
    files: dict[str, bytes | str] = {
        f"wheels/{tool.filename}": tool.data,
        f"sdists/{sdist_name}": sdist_data,
        "src/demo/__main__.py": "import os, six, tool, old\nprint(os.getcwd(), six.__version__)\n",
        "src/demo/__pycache__/stale.pyc": "stale",
        "secret.txt": "must stay out",
    }
    six = Package(name="six", version="1.17.0", wheels=(_SIX,))
    selection = selection_of(
        direct("old", _local("sdist", "sdists", sdist_name, sdist_data)),
        Selected(package=six, artifact=_SIX),
        direct("tool", _local("wheel", "wheels", tool.filename, tool.data)),
    )
    image = ImageSpec(
        files=("src",),
        env=(("PYTHONPATH", "/app/src"), ("NOTE", NASTY["backslash-everything"])),
        labels=(("com.example.note", NASTY["quotes"]),),
        entrypoint=("python", "-m", "demo"),
        ports=(8000,),
        healthcheck=("python", "-c", "import six"),
    )
    request = request_for(
        image, selection, base=BaseImage(reference=base), project="mooring-test-render"
    )
    return request, files


def _local(kind: Any, folder: str, name: str, data: bytes) -> Artifact:
    hashes = (("sha256", sha256_hex(data)),)
    return Artifact(kind=kind, name=name, path=f"{folder}/{name}", hashes=hashes)


@pytest.mark.index
@pytest.mark.parametrize("template", builtin_names())
def test_a_rendered_image(template: str, images: Images, base_image: str, tmp_path: Path) -> None:
    request, files = _request(base_image)
    rendered = render(request, template=template, root=tmp_path).files
    tag = images.build(f"whole-{template}", {**files, **rendered}, *_certificates())

    config = images.config(tag)
    environment = dict(pair.split("=", 1) for pair in config["Env"])
    assert config["User"] == "65532:65532"
    assert environment["NOTE"] == NASTY["backslash-everything"]
    assert config["Labels"]["com.example.note"] == NASTY["quotes"]
    assert config["Labels"]["dev.mooring.environment-root"] == "/opt/env"
    assert images.cli.run("run", "--rm", "--network=none", tag) == "/app 1.17.0"

    assert images.shell(tag, "id -u; id -g; whoami; echo $HOME; tool; command -v python") == (
        "65532\n65532\nmooring\n/home/mooring\ntool runs\n/opt/env/bin/python"
    )
    assert images.shell(tag, "touch ~/x && echo home can be written") == "home can be written"
    owned = images.shell(tag, "find /opt/env /app ! -type l -perm /022 -o -user 65532 | head")
    assert owned == "", "the user of the image may write here"
    assert images.shell(tag, "cd /app && find . -type f") == "./src/demo/__main__.py"

    installed = images.shell(tag, "cd /opt/env/lib/python3*/site-packages && ls -d *.dist-info")
    assert installed.split() == ["old-1.0.dist-info", "six-1.17.0.dist-info", "tool-1.0.dist-info"]
    cached = images.shell(tag, "ls /opt/env/lib/python3*/site-packages/tool/__pycache__")
    assert cached.startswith("__init__.cpython-3")

    _no_trace_of_the_certificates(images, tag)


@pytest.mark.index
@pytest.mark.parametrize("template", builtin_names())
def test_a_private_index_and_a_changed_file(
    template: str, images: Images, base_image: str, tmp_path: Path
) -> None:
    with FakeIndex(auth="me:secret-word") as index:
        [wheel_file] = index.add("private-tool", "1.0")
        artifact = Artifact(
            kind="wheel", name=wheel_file.filename, hashes=(("sha256", wheel_file.sha256),)
        )
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login me password secret-word\n")
        options = ["--network=host", f"--secret=id=netrc,src={netrc}", *_certificates()]

        def build(name: str, artifact: Artifact) -> str:
            tool = Package(name="private-tool", version="1.0", wheels=(artifact,))
            request = request_for(
                None,
                selection_of(Selected(package=tool, artifact=artifact)),
                base=BaseImage(reference=base_image),
                project="mooring-test-render",
                indexes=(Index(name="corp", url=index.url.replace("://", "://me:secret-word@")),),
            )
            files = render(request, template=template, root=tmp_path).files
            return images.build(f"private-{template}-{name}", files, *options)

        tag = build("good", artifact)
        assert images.shell(tag, "python -c 'import private_tool; print(1)'") == "1"
        assert "secret-word" not in images.cli.run("history", "--no-trunc", tag)
        with pytest.raises(AssertionError, match=r"(?i)hash"):
            build("changed", replace(artifact, hashes=(("sha256", "0" * 64),)))


def _certificates() -> list[str]:
    """Return the option that hands this machine's certificates to a build."""
    return [f"--secret=id=ca,src={CERTIFICATES}"] if CERTIFICATES.is_file() else []


def _no_trace_of_the_certificates(images: Images, tag: str) -> None:
    found = images.cli.run(
        "run", "--rm", "--network=none", "--user=0:0", "--entrypoint=/bin/sh", tag,
        "-c", "find /run/secrets /build /tmp /root/.cache -type f 2>/dev/null; true",
    )  # fmt: skip
    assert found == ""
    history = images.cli.run("history", "--no-trunc", "--format", "{{.CreatedBy}}", tag)
    assert "BEGIN CERTIFICATE" not in history
    assert str(CERTIFICATES) not in history


@pytest.mark.index
@pytest.mark.parametrize("template", builtin_names())
def test_the_environment_has_the_same_bytes_twice(
    template: str, images: Images, base_image: str, tmp_path: Path
) -> None:
    request, files = _request(base_image)
    rendered = render(request, template=template, root=tmp_path).files
    options = ["--no-cache", *_certificates()]
    script = (
        "cd /opt/env && { find . -type f -exec sha256sum {} + ; find . -type l -printf '%p %l\\n';"
        " find . -printf '%p %m %U\\n'; } | sort"
    )
    first, second = (
        images.shell(
            images.build(f"twice-{template}-{n}", {**files, **rendered}, *options),
            script,
        )
        for n in "ab"
    )
    assert first == second
    assert "six.cpython-3" in first


def test_a_base_with_another_python_is_named(images: Images, base_image: str) -> None:
    for template in builtin_names():
        selection = selection_of(python="3.9")
        request = request_for(None, selection, base=BaseImage(reference=base_image))
        files = render(request, template=template, root=Path("/nowhere")).files
        with pytest.raises(AssertionError, match=r"the lock is for Python 3\.9, which the base"):
            images.build(f"python-{template}", files)
