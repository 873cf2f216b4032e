"""Two stages: how often each word is there, and then how many words are as frequent."""

import dataclasses
from collections.abc import Iterator

from mrctl import Job


@dataclasses.dataclass
class Word:
    text: str
    times: int


@dataclasses.dataclass
class Times:
    times: int


def split(line: str) -> Iterator[tuple[str, int]]:
    for word in line.split():
        yield word, 1


def total(word: str, values: Iterator[int]) -> Iterator[Word]:
    yield Word(word, sum(values))


def by_times(word: Times) -> Iterator[tuple[int, int]]:
    yield word.times, 1


words = Job("words", map=split, combine="sum", reduce=total)

if __name__ == "__main__":
    Job("as-frequent", inputs={words: by_times}, combine="sum").main()
