"""The main job from end to end, on a copy of examples/flask-service: `make demo` runs this.

Every command is printed before it runs, so that it can be repeated by hand in `.demo/`. The image
part runs where a Docker engine answers; `MOORING_DEMO_BASE` names another base image than the
official one, for machines that cannot reach its registry.
"""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent / "flask-service"
FOLDER = HERE.parents[1] / ".demo"
MOORING = Path(sys.executable).with_name("mooring")
BASE = os.environ.get("MOORING_DEMO_BASE")


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
    version = f"3.{sys.version_info.minor}"
    manifest = FOLDER / "pyproject.toml"
    text = manifest.read_text(encoding="utf-8")
    text = text.replace('python = "3.11"', f'python = "{version}"')
    text = text.replace("python:3.11-slim", BASE or f"python:{version}-slim")
    manifest.write_text(text, encoding="utf-8")


def engine_answers() -> bool:
    try:
        done = subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def base_is_there() -> bool:
    """Tell whether the base image can be locked; where it cannot, the reason is shown."""
    print("$ mooring lock", flush=True)
    return subprocess.run([MOORING, "lock"], cwd=FOLDER, check=False).returncode == 0


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

    say("Lock the base image as well, then render")
    with_image = engine_answers() and base_is_there()
    if with_image:
        mooring("render")
        say("Build: an image tagged by what is in it; the second build finds it there")
        mooring("build", "--tag", "latest")
        mooring("build", "--tag", "latest")
        say("Verify the image: it is read, never started")
        mooring("verify", "--image", "greeter:latest", "--environment", "production")
    else:
        print("No Docker engine with this base image here: the image part is left out.")
        print("Set MOORING_DEMO_BASE to a base image you can reach to see it.")
        mooring("render", "--no-base")

    say("Drift: one edited file is found")
    print(f"(appending a comment to {break_a_file().relative_to(FOLDER)})")
    mooring("verify", ".venv", "--environment", "test", expect=1)
    say("And put right")
    mooring("sync", "--environment", "test")
    mooring("verify", ".venv", "--environment", "test")
    print("\nThe demo's project is in .demo/; its Dockerfile and pylock.toml are worth a look.")


if __name__ == "__main__":
    main()
