"""The job's own flags: what an argparse parser says of them, and what it makes of the worker's."""

import argparse
import contextlib
import io
from typing import Any, NoReturn

from . import _wire as pb


class Wrong(Exception):
    """The flags are wrong, or help was asked for: the job is refused with what is in it."""


def _own(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [a for a in parser._actions if not isinstance(a, argparse._HelpAction)]


def check(parser: argparse.ArgumentParser) -> None:
    """Refuses what a job cannot have: arguments without a name."""
    for a in _own(parser):
        if not a.option_strings:
            raise TypeError(f"{a.dest}: a job takes flags, as --{a.dest}, and no other arguments: inputs are given to mrctl")


def described(parser: argparse.ArgumentParser) -> list[pb.Flag]:
    """The flags as the worker is told of them."""
    return [
        pb.Flag(
            name=max(a.option_strings, key=len)[1:],  # shown after one dash
            usage=a.help or "",
            default_value="" if a.nargs == 0 or a.default in (None, argparse.SUPPRESS) else str(a.default),
            is_bool=a.nargs == 0,
        )
        for a in _own(parser)
    ]


def parsed(parser: argparse.ArgumentParser, args: list[str]) -> argparse.Namespace:
    """The values of the flags. It neither prints nor exits: Wrong says why it has none."""

    def error(message: str) -> NoReturn:
        raise Wrong(f"{message}\n{parser.format_help()}")

    said = io.StringIO()
    before: Any = parser.error
    parser.error = error  # type: ignore[method-assign]
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            return parser.parse_args(args)
    except SystemExit:
        raise Wrong(f"help was asked for\n{said.getvalue()}") from None
    finally:
        parser.error = before  # type: ignore[method-assign]
