"""Events joined with their users, as examples/usersevents does in Go: two inputs, values of two types to a key."""

import dataclasses
from collections.abc import Iterator

from mrctl import Job


@dataclasses.dataclass
class User:
    id: int
    name: str
    country: str


@dataclasses.dataclass
class Event:
    user: int
    what: str


@dataclasses.dataclass
class Row:
    user: int
    name: str
    country: str
    what: str


def events(event: Event) -> Iterator[tuple[int, str]]:
    yield event.user, event.what


def users(user: User) -> Iterator[tuple[int, User]]:
    yield user.id, user


def join(id: int, values: Iterator[str | User]) -> Iterator[Row]:
    user, did = User(id, "", ""), []
    for value in values:
        if isinstance(value, User):
            user = value
        else:
            did.append(value)
    for what in sorted(did):
        yield Row(id, user.name, user.country, what)


if __name__ == "__main__":
    Job("usersevents", inputs={"events": events, "users": users}, reduce=join).main()
