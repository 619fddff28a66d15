"""The main job from end to end, on a copy of examples/flask-service: `make demo` runs this.

Every command is printed before it runs, so that it can be repeated by hand in `.demo/`. The image
needs no container engine. On Debian and Ubuntu its base is assembled from the packages of this
machine's own release; elsewhere, or where another Python runs the demo, it is the official Python
image, whose registry must be reachable. `MOORING_DEMO_BASE` names another base.
"""

import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent / "flask-service"
FOLDER = HERE.parents[1] / ".demo"
MOORING = Path(sys.executable).with_name("mooring")
PYTHON = f"3.{sys.version_info.minor}"
OUTPUT = "image"


def say(text: str) -> None:
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


def mooring(*arguments: str, expect: int = 0) -> None:
    """Run one mooring command in the demo folder; another exit code than expected ends it."""
    print("$ mooring " + shlex.join(arguments), flush=True)
    done = subprocess.run([MOORING, *arguments], cwd=FOLDER, check=False)
    if done.returncode != expect:
        sys.exit(f"demo: expected exit code {expect}, got {done.returncode}")


def prepare() -> None:
    """Copy the example; its Python becomes the one that runs the demo."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    shutil.copytree(
        SOURCE, FOLDER, ignore=shutil.ignore_patterns(".venv", "pylock.toml", "mooring.lock")
    )
    manifest = FOLDER / "pyproject.toml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace('python = "3.11"', f'python = "{PYTHON}"'), encoding="utf-8")


def bases() -> list[str]:
    """Return the bases to try: the one that is asked for, else what this machine can make."""
    if asked := os.environ.get("MOORING_DEMO_BASE"):
        return [asked]
    here = system_base()
    return ([here] if here else []) + [f"python:{PYTHON}-slim"]


def system_base() -> str | None:
    """Return `debian:bookworm` and the like, where apt is the package manager."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return None
    codename = release.get("VERSION_CODENAME")
    if release.get("ID") not in ("debian", "ubuntu") or not codename or not shutil.which("apt-get"):
        return None
    return f"{release['ID']}:{codename}"


def lock_a_base() -> str | None:
    """Lock the first base that can be had, and return it; where one cannot, the reason is shown."""
    manifest = FOLDER / "pyproject.toml"
    text = manifest.read_text(encoding="utf-8")
    for base in bases():
        manifest.write_text(text.replace("python:3.11-slim", base), encoding="utf-8")
        print(f"$ mooring lock    # base = {base!r}", flush=True)
        if subprocess.run([MOORING, "lock"], cwd=FOLDER, check=False).returncode == 0:
            return base
    manifest.write_text(text, encoding="utf-8")
    return None


def engine_answers() -> bool:
    try:
        done = subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def build_and_run() -> None:
    """Build without an engine; where one answers, it takes the image and runs it."""
    say("Build: locked wheels straight into an image, tagged by what is in it; twice is a look-up")
    mooring("build", "--output", f"oci:{OUTPUT}", "--tag", "latest")
    mooring("build", "--output", f"oci:{OUTPUT}", "--tag", "latest")
    say("Verify the image: it is read, never started")
    mooring("verify", "--image", f"oci:{OUTPUT}:latest", "--environment", "production")
    if engine_answers():
        say("An engine answers here: it takes the image, runs it once, and gives it its tag")
        mooring("build", "--load", "--tag", "latest")
        print("$ docker run --rm greeter:latest --version", flush=True)
        subprocess.run(["docker", "run", "--rm", "greeter:latest", "--version"], check=True)


def break_a_file() -> Path:
    """Change one byte-exact file of the environment, as an eager debugger would."""
    [victim] = (FOLDER / ".venv").glob("**/site-packages/flask/app.py")
    victim.write_text(victim.read_text(encoding="utf-8") + "\n# only for today\n")
    return victim


def main() -> None:
    prepare()
    say("Lock: four platforms, one pylock.toml")
    mooring("lock", "--no-base")
    mooring("lock", "--check", "--no-base")
    say("Sync: a virtual environment with exactly the locked artifacts")
    mooring("sync", "--environment", "test")
    say("Verify: every file, by its content")
    mooring("verify", ".venv", "--environment", "test")

    say("Lock the base of the image as well")
    if lock_a_base():
        build_and_run()
    else:
        print("No base can be had here: the image part is left out.")
        print("Set MOORING_DEMO_BASE to a base image you can reach to see it.")

    say("Drift: one edited file is found")
    print(f"(appending a comment to {break_a_file().relative_to(FOLDER)})")
    mooring("verify", ".venv", "--environment", "test", expect=1)
    say("And put right")
    mooring("sync", "--environment", "test")
    mooring("verify", ".venv", "--environment", "test")
    print("\nThe demo's project is in .demo/; its pylock.toml and mooring.lock are worth a look.")


if __name__ == "__main__":
    main()
