"""How an image is wanted: the options of a build, and what they mean for one project."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mooring.errors import InputError
from mooring.manifest.model import EngineName, Manifest
from mooring.platforms import Platform
from mooring.process import ProcessError, run
from mooring.workflow.bases import image_platforms
from mooring.workflow.targets import choose_python, image_python


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildOptions:
    """How to build; None means what the manifest declares.

    Attributes:
        platforms: OCI names or conda subdirs, or `all`; this machine's by default.
        engine: The builder.
        push, load: Have the image in its registry, in this machine's engine.
        outputs: `oci:DIR` and `docker:FILE.tar`. With no output, push or load at all, it goes
            into the engine of this machine, or into a folder of the project where none answers.
        tags: Tags besides the content tag, without the repository.
        tag_version, tag_git: Also tag with the project's version, with the git commit.
        ca: PEM file for the steps of an engine only; `SSL_CERT_FILE` by default.
        smoke: Whether the image is run once after it was built.
        attest: Whether SBOM and provenance are put beside a pushed image.
        sign_key: PEM file of the key that signs them.
        offline: Whether the embedded builder must do with what is in the caches.
    """

    environment: str | None = None
    platforms: tuple[str, ...] = ()
    engine: EngineName | None = None
    push: bool = False
    load: bool = False
    outputs: tuple[str, ...] = ()
    repository: str | None = None
    tags: tuple[str, ...] = ()
    tag_version: bool = False
    tag_git: bool = False
    template: str | None = None
    base: str | None = None
    ca: Path | None = None
    network_host: bool = False
    smoke: bool = True
    attest: bool = True
    sign_key: Path | None = None
    offline: bool = False


def platforms_of(manifest: Manifest, named: tuple[str, ...]) -> tuple[Platform, ...]:
    """Return the platforms to build for: the named ones, else the one this machine runs.

    Raises:
        InputError: One of them is none, or the manifest does not declare it.
    """
    able = image_platforms(manifest)
    if named == ("all",):
        wanted = [platform.oci for platform in able]
    elif named:
        wanted = [_oci_name(text) for text in named]
    else:
        machine = Platform.current().subdir
        wanted = ["linux/arm64" if machine.endswith(("arm64", "aarch64")) else "linux/amd64"]
    found = {platform.oci: platform for platform in reversed(able)}
    if missing := [str(each) for each in wanted if each not in found]:
        raise InputError(
            f"the manifest does not declare a platform for {', '.join(missing)} images",
            where=str(manifest.path or manifest.root),
            hint=f"declared for images: {', '.join(map(str, able)) or 'none'}",
        )
    if not wanted:
        raise InputError(
            "no declared platform can run in a container image",
            where=str(manifest.path or manifest.root),
            hint='add "linux-64" to platforms',
        )
    return tuple(dict.fromkeys(found[each] for each in wanted))


def _oci_name(text: str) -> str:
    oci = Platform.from_oci(text, "--platform").oci
    if oci is None:
        raise InputError(f"no container image runs on {text}", where="--platform")
    return oci


def no_base(manifest: Manifest) -> InputError:
    """Return the error for an image without a base; its hint names one with the right Python."""
    python = image_python(manifest) or choose_python(manifest)
    return InputError(
        "no base image is declared",
        where=f"{manifest.path or manifest.root}: image.base",
        hint=f'add base = "python:{python.short}-slim" to the image table, or pass --base',
    )


def repository_of(manifest: Manifest, options: BuildOptions) -> str:
    """Return the repository: the option, else the declared one, else the project's name.

    Raises:
        InputError: It would be pushed to, and nobody named it.
    """
    named = options.repository or (manifest.image.repository if manifest.image else None)
    if options.push and not named:
        raise InputError(
            "no repository is declared to push to",
            where=f"{manifest.path or manifest.root}: image.repository",
            hint='add repository = "registry.example.com/team/app" to the image table, or pass '
            "--repository",
        )
    return named or manifest.name


def smoke_command(manifest: Manifest) -> tuple[str, ...]:
    """Return the declared command that a fresh image must pass; empty for none."""
    return manifest.image.smoke if manifest.image else ()


def image_tags(manifest: Manifest, options: BuildOptions) -> tuple[str, ...]:
    """Return the tags besides the content tag.

    Raises:
        InputError: A tag is asked for that the project does not give.
    """
    tags = list(options.tags)
    if options.tag_version:
        if manifest.version is None:
            raise InputError("the project declares no version to tag with", where="--tag-version")
        tags.append(manifest.version.replace("+", "-"))
    if options.tag_git:
        tags.append(_git_tag(manifest.root))
    return tuple(dict.fromkeys(tags))


def commit_of(root: Path) -> str | None:
    """Return the git commit of the project, `-dirty` when files differ from it; None outside."""
    try:
        commit = run(["git", "rev-parse", "HEAD"], cwd=root, timeout=20)
        changed = run(["git", "status", "--porcelain", "--", "."], cwd=root, timeout=60)
    except ProcessError:
        return None
    if not commit.ok:
        return None
    return commit.stdout.strip() + ("-dirty" if changed.stdout.strip() else "")


def _git_tag(root: Path) -> str:
    commit = commit_of(root)
    if commit is None:
        raise InputError(
            "the project is not in a git commit",
            where="--tag-git",
            hint="commit first, or leave --tag-git out",
        )
    return commit[:12] + commit[40:]
