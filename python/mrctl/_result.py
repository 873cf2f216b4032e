"""Rows of the result as Arrow batches."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from . import _serve
from ._codec import nanos

ROWS = 8192  # rows in a batch


class Rows:
    """Rows on their way to one output."""

    def __init__(self, schema: pa.Schema):
        self.schema = schema
        self._texts = [i for i, f in enumerate(schema) if f.type in (pa.string(), pa.binary())]
        self._rows: list[list[Any]] = []
        self._size = 0  # bytes of text in them

    def add(self, row: list[Any]) -> None:
        self._rows.append(row)
        for i in self._texts:
            self._size += len(row[i] or "")

    @property
    def full(self) -> bool:
        return len(self._rows) >= ROWS or self._size >= _serve.BATCH

    def take(self) -> Iterator[pa.RecordBatch]:
        """Batches of what is held, each of a size to send; there is none if there are no rows."""
        rows, self._rows, self._size = self._rows, [], 0
        begin = size = 0
        for i, row in enumerate(rows):
            size += sum(len(row[j] or "") for j in self._texts)
            if i + 1 == len(rows) or i + 1 - begin >= ROWS or size >= _serve.BATCH:
                yield batch(rows[begin : i + 1], self.schema)
                begin, size = i + 1, 0


def batch(rows: list[list[Any]], schema: pa.Schema) -> pa.RecordBatch:
    """A batch of rows, each a list of columns. The first row that is wrong is named in the failure."""
    if not rows:
        return pa.RecordBatch.from_pylist([], schema)
    try:
        return pa.RecordBatch.from_arrays([_column(list(c), f) for c, f in zip(zip(*rows), schema)], schema=schema)
    except Exception as e:
        if len(rows) == 1:
            raise _serve.failure(TypeError(f"the row {rows[0]!r}: {e}")) from e
        for row in rows:  # the first that is wrong is named
            batch([row], schema)
        raise


def _column(values: list[Any], field: pa.Field) -> pa.Array:
    if not field.nullable and None in values:
        raise TypeError(f"None is no value of the column {field.name}")
    if pa.types.is_timestamp(field.type):
        return pa.array([None if v is None else nanos(v) for v in values], pa.int64()).view(field.type)
    if field.type != pa.string():
        return pa.array(values, field.type)
    raw = pa.array([None if v is None else v.encode("utf-8", "surrogateescape") for v in values], pa.binary())  # text may be any bytes
    return pa.Array.from_buffers(field.type, len(raw), raw.buffers(), raw.null_count)
