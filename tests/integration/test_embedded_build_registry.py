"""What a build asks of a registry and sends to it, by the real command."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.embedded_lab import Lab, publish, write_base
from tests.engines import absent, serve_registry
from tests.fakes import FakeIndex
from tests.integration.images_fixtures import (
    PASSWORD,
    USER,
    log_in,
    running_password_registry,
    running_token_registry,
)
from tests.registries import MemoryRegistry, served

pytestmark = [pytest.mark.process, pytest.mark.network]


@pytest.fixture
def lab(tmp_path: Path, fake_index: FakeIndex) -> Lab:
    publish(fake_index)
    write_base(tmp_path / "base")
    found = Lab(folder=tmp_path)
    found.declare(fake_index)
    return found


@pytest.fixture
def memory() -> Iterator[tuple[MemoryRegistry, str]]:
    """A registry in this process that counts, and where it is."""
    registry = MemoryRegistry(referrers_api=True)
    with served(registry) as address:
        yield registry, address


def uploads(registry: MemoryRegistry) -> list[int]:
    """Return the sizes of the blobs that were sent, and forget them."""
    sent = [
        len(s.body) for s in registry.sent if s.method in ("PUT", "PATCH") and "/blobs/" in s.path
    ]
    registry.sent.clear()
    return sorted(size for size in sent if size)


def layers(registry: MemoryRegistry, tag: str) -> list[str]:
    document = json.loads(registry.manifests["team/lab", tag][1])
    return [layer["digest"] for layer in document["layers"]]


def test_an_unchanged_image_costs_one_request_and_a_changed_package_its_layer(
    lab: Lab, memory: tuple[MemoryRegistry, str], fake_index: FakeIndex
) -> None:
    registry, address = memory
    words = ("--push", "--repository", f"{address}/team/lab", "--no-attest")
    first = lab.build(*words)
    tag = first["reference"].rpartition(":")[2]
    whole = uploads(registry)
    assert sum(whole) > 10_000_000

    again = lab.build(*words)
    assert again["reused"] is True
    assert again["digest"] == first["digest"]
    assert registry.lines() == [f"HEAD /v2/team/lab/manifests/{tag}"]
    registry.sent.clear()

    before = layers(registry, tag)
    lab.declare(fake_index, "large-two==2.0")
    second = lab.build(*words)
    sent = uploads(registry)
    after = layers(registry, second["reference"].rpartition(":")[2])
    # The package, its byte code, the lock that the image carries, and the configuration.
    assert len(set(after) - set(before)) == len(sent) - 1 == 3
    assert sum(sent) < 5_010_000

    lab.declare(fake_index, "large-two==2.0")
    (lab.folder / "app.py").write_text("print('hello again')\n")
    lab.build(*words)
    # The file, and the configuration.
    assert len(sent := uploads(registry)) == 2
    assert sum(sent) < 10_000


def skopeo(*words: str) -> str:
    try:
        done = subprocess.run(
            ["skopeo", *words], capture_output=True, text=True, timeout=60, check=False
        )
    except FileNotFoundError:
        absent("there is no skopeo")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.registry
@pytest.mark.parametrize("kind", ["open", "basic", "token"])
def test_registries_take_an_index_with_its_documents(
    kind: str, lab: Lab, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, login = tmp_path_factory.mktemp(kind), tmp_path_factory.mktemp("login")
    monkeypatch.setenv("DOCKER_CONFIG", str(login))
    password = [] if kind == "open" else ["--creds", f"{USER}:{PASSWORD}"]
    with running(kind, folder) as address:
        words = ["--push", "--repository", f"{address}/team/lab", "--tag", "latest"]
        words += ["--platform", "linux/amd64,linux/arm64"]
        if kind != "open":
            refused = lab.start("build", *words)
            _, said = refused.communicate(timeout=60)
            assert refused.returncode == 3
            assert f"docker login {address}" in said
            log_in(login, address)
        made = lab.build(*words)
        assert made["pushed"] is True
        assert lab.build(*words)["reused"] is True
        source = f"docker://{address}/team/lab"
        for tag in ("latest", made["reference"].rpartition(":")[2]):
            raw = skopeo("inspect", "--tls-verify=false", *password, "--raw", f"{source}:{tag}")
            platforms = [each["platform"]["architecture"] for each in json.loads(raw)["manifests"]]
            assert platforms == ["amd64", "arm64"]
        taken = lab.folder / "taken"
        from_there = [f"--src-creds={word}" for word in password[1:]]
        skopeo(
            "copy", "--all", "--preserve-digests", "--src-tls-verify=false", *from_there,
            f"{source}:latest", f"oci:{taken}:x",
        )  # fmt: skip
        index = json.loads((taken / "index.json").read_text())
        assert [entry["digest"] for entry in index["manifests"]] == [made["digest"]]


@contextmanager
def running(kind: str, folder: Path) -> Iterator[str]:
    if kind == "open":
        with serve_registry(folder) as address:
            yield address
    elif kind == "basic":
        with running_password_registry(folder) as address:
            yield address
    else:
        with running_token_registry(folder) as (address, _):
            yield address


def kinds(registry: MemoryRegistry) -> list[str]:
    """Return the types of what is beside images."""
    documents = (json.loads(body) for _, body in registry.manifests.values())
    return sorted({str(each["artifactType"]) for each in documents if "subject" in each})


def refused(lab: Lab, *words: str, env: dict[str, str] | None = None) -> str:
    """Build what cannot be; return what was said."""
    with lab.start("build", "--platform", "linux/amd64", *words, env=env) as process:
        _, said = process.communicate(timeout=120)
    assert process.returncode in (2, 3), said
    assert "Traceback" not in said
    return said


def test_an_image_that_is_there_gets_the_signature_it_lacks(
    lab: Lab, memory: tuple[MemoryRegistry, str]
) -> None:
    registry, address = memory
    words = ["--push", "--repository", f"{address}/team/lab"]
    first = lab.build(*words, "--no-attest", "--platform", "linux/amd64,linux/arm64")
    assert kinds(registry) == []

    (lab.folder / "bad.pem").write_text("not a key\n")
    (lab.folder / "bad.pem").chmod(0o600)
    platforms = ["--platform", "linux/amd64,linux/arm64"]
    assert "bad.pem" in refused(lab, *words, *platforms, "--sign-key", "bad.pem")

    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(lab.folder / "key.pem")],
        check=True,
        timeout=30,
    )
    (lab.folder / "key.pem").chmod(0o600)
    signed = lab.build(*words, *platforms, "--sign-key", "key.pem")
    assert (signed["reused"], signed["pushed"]) == (True, False)
    assert signed["digest"] == first["digest"]
    assert "application/vnd.dsse.envelope.v1+json" in kinds(registry)
    assert len(kinds(registry)) == 4

    there = len(registry.manifests)
    registry.sent.clear()
    lab.build(*words, *platforms, "--sign-key", "key.pem")
    assert len(registry.manifests) == there
    assert {sent.method for sent in registry.sent} == {"GET", "HEAD"}


def test_another_repository_of_the_registry_is_sent_the_configuration_only(
    lab: Lab, memory: tuple[MemoryRegistry, str]
) -> None:
    registry, address = memory
    for name in ("lab", "other"):
        uploads(registry)
        lab.build("--push", "--no-attest", "--repository", f"{address}/team/{name}")
    assert len(uploads(registry)) == 1


def test_what_is_wrong_with_the_words_comes_before_anything_else(
    lab: Lab, memory: tuple[MemoryRegistry, str]
) -> None:
    registry, address = memory
    said = refused(lab, "--push")
    assert "no repository is declared to push to" in said
    assert "builder:" not in said
    said = refused(lab, "--push", "--repository", f"{address}/team/lab", "--tag", "not a tag")
    assert "builder:" not in said
    assert registry.sent == []


def test_a_layout_and_a_registry_tell_what_they_have(
    lab: Lab, memory: tuple[MemoryRegistry, str], fake_index: FakeIndex
) -> None:
    _, address = memory
    lab.declare(fake_index, more='smoke = ["s1"]\n')
    words = ["--no-attest", "--repository", f"{address}/team/lab", "--platform", "linux/amd64"]
    with lab.start("build", *words, "--push") as process:
        _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert said.count("image.smoke was not run") == 1
    assert "built and pushed" in said

    with lab.start("build", *words, "--push", "--output", "oci:out") as process:
        _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert "built and pushed" not in said
    assert "the registry had it, oci:out:moor-" in said

    made = lab.build(*words[:3], "--output", "oci:out")
    assert made["digest"] is not None
    assert made["reused"] is True
    assert made["places"] == ["oci:out:" + made["reference"].rpartition(":")[2]]
