"""A job that only maps, and writes what it cannot read to a named output."""

import dataclasses
from collections.abc import Iterator

from mrctl import Job, Output


@dataclasses.dataclass
class Number:
    n: int


@dataclasses.dataclass
class Error:
    line: str
    why: str


errors = Output("errors", Error)


def parse(line: str) -> Iterator[Number]:
    try:
        yield Number(int(line))
    except ValueError as e:
        errors.emit(Error(line, str(e)))


if __name__ == "__main__":
    Job("parsed", each=parse, outputs=[errors]).main()
