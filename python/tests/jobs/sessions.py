"""Sessions of users, as examples/sessions does in Go: rows as input, times, and a flag."""

import argparse
import dataclasses
from collections.abc import Iterator
from datetime import datetime, timedelta

from mrctl import Job


@dataclasses.dataclass
class Visit:
    user: str
    time: datetime
    path: str
    agent: str | None = None


@dataclasses.dataclass
class Page:
    time: datetime
    path: str


@dataclasses.dataclass
class Session:
    user: str
    begin: datetime
    end: datetime
    pages: int
    first: str
    last: str


parser = argparse.ArgumentParser("sessions")
parser.add_argument("--gap", type=int, default=30, help="minutes; a longer pause begins a new session")


def visits(visit: Visit) -> Iterator[tuple[str, Page]]:
    yield visit.user, Page(visit.time, visit.path)


def sessions(user: str, values: Iterator[Page]) -> Iterator[Session]:
    now: Session | None = None
    for page in sorted(values, key=lambda p: (p.time, p.path)):
        if now is not None and page.time - now.end > timedelta(minutes=job.flags.gap):
            yield now
            now = None
        if now is None:
            now = Session(user, page.time, page.time, 0, page.path, page.path)
        now.end, now.last = page.time, page.path
        now.pages += 1
    if now is not None:
        yield now


job = Job("sessions", map=visits, reduce=sessions, flags=parser)

if __name__ == "__main__":
    job.main()
