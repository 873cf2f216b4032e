"""Counts words, as examples/wordcount does in Go."""

from collections.abc import Iterator

from mrctl import Job


def split(line: bytes) -> Iterator[tuple[str, int]]:
    for word in line.decode("utf-8", "surrogateescape").split():
        yield word, 1


if __name__ == "__main__":
    Job("wordcount", map=split, combine="sum").main()
