"""The `mooring` group: verbs are named here and loaded only when they are called."""

from __future__ import annotations

import importlib

import click

from mooring import __version__

VERBS = {
    "init": "Look at a folder and write a first manifest that locks.",
    "lock": "Resolve the declared requirements into pylock.toml.",
    "export": "Write the lock, or one selection of it, in another format.",
    "render": "Write Dockerfile, .dockerignore and environment.yml from templates.",
    "sync": "Make a virtual environment match the lock.",
    "build": "Build the container image, unless its content is built already.",
    "verify": "Compare an environment, container or image with the lock.",
    "report": "Turn a saved JSON report of a verification into another format.",
    "inventory": "Print what is in an environment, down to the digest of every file.",
}


class VerbGroup(click.Group):
    """A group whose help needs no verb to be loaded."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order of the work."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load the module of one verb."""
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"mooring.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; an unknown one is answered with the nearest known verb."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], VERBS, n=1)
            suggestion = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"there is no command {args[0]!r}.{suggestion}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    cls=VerbGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 yes, 1 the answer is no (drift, stale lock), 2 usage or declared input "
    "wrong, 3 could not be done or checked, 130 interrupted.",
)
@click.version_option(__version__, message="mooring %(version)s")
def cli() -> None:
    """Keep Python environments from drifting: declare, lock, render, build, verify."""
