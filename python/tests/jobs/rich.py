"""A job with all there is: text records, dataclass keys and rows, its own combine, a reduce, a counter, bad records."""

import dataclasses
from collections.abc import Iterator

from mrctl import BadRecord, Counter, Job

seen = Counter("seen")


@dataclasses.dataclass(frozen=True)
class Key:
    letter: str
    length: int


@dataclasses.dataclass
class Row:
    letter: str
    length: int
    words: int
    longest: float


def split(line: str) -> Iterator[tuple[Key, tuple[int, float]]]:
    if line == "bad":
        raise BadRecord("told to be bad")
    if line == "BOOM":
        raise ValueError("told to fail")
    for word in line.split():
        seen.add()
        yield Key(word[:1], len(word)), (1, len(word) / 2)


def merge(a: tuple[int, float], b: tuple[int, float]) -> tuple[int, float]:
    return a[0] + b[0], max(a[1], b[1])


def rows(key: Key, values: Iterator[tuple[int, float]]) -> Iterator[Row]:
    n, longest = 0, 0.0
    for count, half in values:
        n, longest = n + count, max(longest, half)
    yield Row(key.letter, key.length, n, longest)


if __name__ == "__main__":
    Job("rich", map=split, combine=merge, reduce=rows).main()
