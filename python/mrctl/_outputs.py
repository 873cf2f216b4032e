"""Named outputs: further tables that a job writes, besides its result."""

import re
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

import pyarrow as pa

from . import _result, _serve
from ._codec import Codec

Row = TypeVar("Row")
NAME = re.compile("[a-z0-9-]{1,40}")  # of inputs and outputs
MOST = 16
_here = threading.local()  # .outlets: those of the attempt that this thread runs


class Output(Generic[Row]):
    """A further output of a job, whose rows are of the type row. It is listed in the job's outputs."""

    def __init__(self, name: str, row: type[Row]):
        if not NAME.fullmatch(name):
            raise TypeError(f"output {name!r}: a name is 1 to 40 of a-z, 0-9 and -")
        self.name = name
        self.codec = Codec(row)

    def emit(self, row: Row) -> None:
        """Writes a row. It is called from reduce, or from each, and holds the rows until that yields or is done with its key or batch of records."""
        outlets = getattr(_here, "outlets", None)
        if outlets is None or self not in outlets.rows:
            raise TypeError(f"output {self.name}: emit is called from reduce, or from each, of a job that has it in its outputs")
        if outlets.rows[self].add(list(self.codec.members(row))):
            outlets.full = True


def check(where: str, outputs: Sequence[Output[Any]], can: bool) -> None:
    """Refuses outputs that a job cannot have; can says that it has a reduce, or only maps."""
    names = [o.name for o in outputs]
    if names and not can:
        raise TypeError(f"{where}: outputs are written by reduce, or by each")
    if len(names) > MOST or len(set(names)) < len(names):
        raise TypeError(f"{where}: outputs {names}: {MOST} are the most, and each has a name of its own")


class Outlets:
    """What an attempt has for its outputs. It belongs to the thread that makes it."""

    def __init__(self, outputs: Sequence[Output[Any]], of_map: bool = False):
        self.rows = {o: _result.Rows(pa.schema(o.codec.fields)) for o in outputs}
        self.full = False  # one of them has enough to send
        self._of_map = of_map
        _here.outlets = self

    def send(self) -> Iterator[Any]:
        """The messages of what the outputs hold."""
        self.full = False
        for number, rows in enumerate(self.rows.values(), 1):
            for batch in rows.take():
                yield from _serve.rows_message(batch, number, self._of_map)
