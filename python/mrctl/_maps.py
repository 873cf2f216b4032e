"""What maps one input: a function, of records or of batches of them, and the types of what it takes and gives."""

import collections.abc
import typing
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pyarrow as pa

from . import _serve
from ._codec import Codec
from ._records import Records


class BadRecord(Exception):
    """Raised by map: the record is set aside and counted, and the job goes on."""


def item(annotation: Any, what: str) -> Any:
    """X of Iterable[X] and its kin."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (collections.abc.Iterable, collections.abc.Iterator, collections.abc.Generator, list) and args:
        return args[0]
    raise TypeError(f"{what}: annotate it, as Iterator[...]; it is {annotation!r}")


class Map:
    """The map of one input, fn(record). where names it in messages; types are K and V, if the annotations do not say them."""

    def __init__(self, fn: Callable[..., Iterable[Any]], where: str, types: tuple[Any, Any] | None = None, record: Any = None):
        self._fn = fn
        hints = typing.get_type_hints(fn)
        back = hints.pop("return", None)
        self.records = Records(record or next(iter(hints.values()), None) or bytes)
        if types is None:
            pair = item(back, f"{where}: what map returns")
            if typing.get_origin(pair) is not tuple or len(typing.get_args(pair)) != 2:
                raise TypeError(f"{where}: map yields {pair}, not a tuple of key and value")
            types = typing.get_args(pair)
        self.key_type, self.value_type = types
        self.encode: Callable[[Any], bytes] = Codec(self.value_type, "value").encode  # a value as it travels

    def pairs(
        self, data: bytes, off: memoryview, number: int, at: list[int], aside: Callable[[int, bytes, Exception], None]
    ) -> Iterator[tuple[Any, Any]]:
        """The pairs of a batch of records; at[0] is the record that a pair is of."""
        fn, decode = self._fn, self.records.decode
        for row in range(len(off) - 1):
            raw, at[0] = data[off[row] : off[row + 1]], row
            try:
                yield from fn(decode(raw))
            except BadRecord as e:
                aside(row, raw, e)
            except _serve.RAISED as e:
                raise _serve.failure(e, has_record=True, batch=number, row=row) from e


class Each(Map):
    """A map whose rows are the result: they are values, under keys of no columns."""

    def __init__(self, fn: Callable[..., Iterable[Any]], where: str, record: Any = None):
        row = item(typing.get_type_hints(fn).get("return"), f"{where}: what each returns")
        super().__init__(fn, where, (tuple[()], row), record)
        self._fn = lambda record: (((), row) for row in fn(record))


class BatchMap(Map):
    """The map of batches, fn(pyarrow.RecordBatch), which yields arrays of keys and of values."""

    def __init__(self, fn: Callable[[pa.RecordBatch], Iterable[Any]], where: str, types: tuple[Any, Any] | None, record: Any = None):
        if types is None:
            raise TypeError(f"{where}: map_batch needs types=(K, V)")
        super().__init__(fn, where, types, record or bytes)

    def pairs(
        self, data: bytes, off: memoryview, number: int, at: list[int], aside: Callable[[int, bytes, Exception], None]
    ) -> Iterator[tuple[Any, Any]]:
        try:
            for keys, vals in self._fn(self.records.batch(data, off)):
                yield from zip(keys.to_pylist(), vals.to_pylist(), strict=True)
        except _serve.RAISED as e:
            raise _serve.failure(e, has_record=True, batch=number, row=0) from e
