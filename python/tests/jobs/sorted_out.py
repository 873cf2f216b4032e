"""A reduce that writes two named outputs besides its result."""

import dataclasses
from collections.abc import Iterator

from mrctl import Job, Output


@dataclasses.dataclass
class Word:
    text: str
    times: int


@dataclasses.dataclass
class Letter:
    text: str
    upper: str | None


rare = Output("rare", Word)
letters = Output("letters", Letter)


def split(line: str) -> Iterator[tuple[str, int]]:
    for word in line.split():
        yield word, 1


def sort(word: str, values: Iterator[int]) -> Iterator[Word]:
    times = sum(values)
    if len(word) == 1:
        letters.emit(Letter(word, word.upper() if word.isalpha() else None))
    elif times == 1:
        rare.emit(Word(word, times))
    else:
        yield Word(word, times)


if __name__ == "__main__":
    Job("sorted-out", map=split, reduce=sort, outputs=[rare, letters]).main()
