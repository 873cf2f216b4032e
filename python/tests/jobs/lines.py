"""A job that only maps: the rows of each record are the result, in its order."""

import dataclasses
from collections.abc import Iterator

from mrctl import BadRecord, Job


@dataclasses.dataclass
class Row:
    upper: str
    length: int


def upper(line: str) -> Iterator[Row]:
    if line == "bad":
        raise BadRecord("told to be bad")
    if line == "BOOM":
        raise ValueError("told to fail")
    if line:
        yield Row(line.upper(), len(line))


if __name__ == "__main__":
    Job("lines", each=upper).main()
