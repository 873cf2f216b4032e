"""What a map reads: lines, or the rows of a dataclass, whose fields are columns of the input by their names."""

import dataclasses
import typing
from typing import Any

import pyarrow as pa

from . import _result
from . import _wire as pb
from ._codec import Codec

_LINES = {str: (pa.string(), pb.Stage.INPUT_KIND_STRING), bytes: (pa.binary(), pb.Stage.INPUT_KIND_BYTES)}


class Records:
    """Records of one type. A field `x: T | None = None` may be missing of the input; every other is a column there."""

    def __init__(self, t: Any):
        self._codec = Codec(t, "record") if t in _LINES or dataclasses.is_dataclass(t) else None
        if self._codec is None:
            raise TypeError(f"a record is str, bytes or a dataclass, not {t}")
        self.decode = self._codec.decode
        if t in _LINES:
            column, self.kind = _LINES[t]
            self.schema = pa.schema([pa.field("record", column, nullable=False)])
            return
        self.kind = pb.Stage.INPUT_KIND_ROW
        fields = []
        for f, field in zip(dataclasses.fields(t), self._codec.fields):
            if f.default is None and field.nullable:
                field = field.with_metadata({"mrctl.optional": "1"})
            elif f.default is not dataclasses.MISSING or f.default_factory is not dataclasses.MISSING:
                raise TypeError(f"{t.__name__}.{f.name}: a column that may be missing is of `T | None = None`, of no other default")
            fields.append(field)
        if not fields:
            raise TypeError(f"{t.__name__} has no fields to match columns with")
        self.schema = pa.schema(fields)

    def batch(self, data: bytes, off: typing.Sequence[int]) -> pa.RecordBatch:
        """Records as columns."""
        n = len(off) - 1
        if self.kind != pb.Stage.INPUT_KIND_ROW:
            buffers = [None, pa.py_buffer(off), pa.py_buffer(data)]
            return pa.RecordBatch.from_arrays([pa.Array.from_buffers(self.schema[0].type, n, buffers)], names=["record"])
        assert self._codec is not None
        rows = [list(self._codec.members(self.decode(data[off[i] : off[i + 1]]))) for i in range(n)]
        return _result.batch(rows, self.schema)
