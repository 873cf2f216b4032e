"""The encoding of keys and values: byte order is the order of the values. internal/codec/testdata/vectors.json binds it."""

import dataclasses
import datetime
import math
import struct
import types
import typing
from collections.abc import Callable
from typing import Any

import pyarrow as pa

Put = Callable[[bytearray, Any], None]
Take = Callable[[bytes, int], tuple[Any, int]]

_SIGN = 1 << 63
SCALARS = "str, bytes, int, float, bool, datetime"


def _put_text(dst: bytearray, b: bytes) -> None:
    dst += b.replace(b"\0", b"\0\xff")
    dst += b"\0\0"


def _take_text(b: bytes, at: int) -> tuple[bytes, int]:
    end = at
    while True:
        end = b.index(b"\0", end)
        if b[end + 1] == 0:
            return b[at:end].replace(b"\0\xff", b"\0"), end + 2
        end += 2


def _put_int(dst: bytearray, v: int) -> None:
    try:
        dst += struct.pack(">Q", v + _SIGN)
    except struct.error:
        raise OverflowError(f"{v} does not fit 64 bits") from None


def _take_int(b: bytes, at: int) -> tuple[int, int]:
    return struct.unpack_from(">Q", b, at)[0] - _SIGN, at + 8


def _put_float(dst: bytearray, v: float) -> None:
    if math.isnan(v):
        v = math.nan
        bits = 0x7FF8000000000000
    else:
        bits = struct.unpack(">Q", struct.pack(">d", v + 0.0))[0]  # -0.0 + 0.0 is 0.0
    dst += struct.pack(">Q", bits ^ (2**64 - 1 if bits & _SIGN else _SIGN))


def _take_float(b: bytes, at: int) -> tuple[float, int]:
    bits = struct.unpack_from(">Q", b, at)[0]
    bits ^= _SIGN if bits & _SIGN else 2**64 - 1
    return struct.unpack(">d", struct.pack(">Q", bits))[0], at + 8


def _put_bool(dst: bytearray, v: bool) -> None:
    dst.append(1 if v else 0)


def _take_bool(b: bytes, at: int) -> tuple[bool, int]:
    return b[at] == 1, at + 1


_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICRO = datetime.timedelta(microseconds=1)
_LEAST = -(1 << 63)
NO_TIME = datetime.datetime.min.replace(tzinfo=datetime.UTC)  # what the least nanosecond is read as


def nanos(v: datetime.datetime) -> int:
    """A time as it travels: nanoseconds since 1970; what is before 1677 or after 2262 is the nearest that there is."""
    if v.tzinfo is None:
        raise ValueError(f"{v} has no time zone; say which, as datetime.UTC")
    return min(max((v - _EPOCH) // _MICRO * 1000, _LEAST), -_LEAST - 1)


def _take_time(b: bytes, at: int) -> tuple[datetime.datetime, int]:
    ns, at = _take_int(b, at)
    return (NO_TIME if ns == _LEAST else _EPOCH + ns // 1000 * _MICRO), at


class _Kind(typing.NamedTuple):
    arrow: pa.DataType
    put: Put
    take: Take
    null: bool = False


def _or_none(kind: _Kind) -> _Kind:
    """The kind of a column that may be null."""

    def put(dst: bytearray, v: Any) -> None:
        dst.append(0 if v is None else 1)
        if v is not None:
            kind.put(dst, v)

    def take(b: bytes, at: int) -> tuple[Any, int]:
        return kind.take(b, at + 1) if b[at] else (None, at + 1)

    return _Kind(kind.arrow, put, take, null=True)


def _text_in(s: str) -> bytes:
    return s.encode("utf-8", "surrogateescape")


def _text_out(b: bytes) -> str:
    return b.decode("utf-8", "surrogateescape")


def _take_str(b: bytes, at: int) -> tuple[str, int]:
    v, at = _take_text(b, at)
    return _text_out(v), at


_KINDS: dict[type, _Kind] = {
    str: _Kind(pa.string(), lambda dst, v: _put_text(dst, _text_in(v)), _take_str),
    bytes: _Kind(pa.binary(), _put_text, _take_text),
    int: _Kind(pa.int64(), _put_int, _take_int),
    float: _Kind(pa.float64(), _put_float, _take_float),
    bool: _Kind(pa.bool_(), _put_bool, _take_bool),
    datetime.datetime: _Kind(pa.timestamp("ns", "UTC"), lambda dst, v: _put_int(dst, nanos(v)), _take_time),
}


def _kind(t: Any, name: str) -> _Kind:
    some = [a for a in typing.get_args(t) if a is not types.NoneType]
    if typing.get_origin(t) in (types.UnionType, typing.Union) and len(some) == 1 and some[0] in _KINDS:
        return _or_none(_KINDS[some[0]])
    if t not in _KINDS:
        raise TypeError(f"{name}: {t} has no encoding; use {SCALARS}, one of these or None, or a tuple or dataclass of them")
    return _KINDS[t]


class Codec:
    """Encodes values of one type: str, bytes, int (64 bits), float, bool, datetime, `T | None`, a tuple or a dataclass of these."""

    def __init__(self, t: Any, name: str = "value"):
        self.type = t
        members: list[tuple[str, Any]]
        self._make: Callable[..., Any] | None = None
        self._names: list[str] | None = None
        if dataclasses.is_dataclass(t):
            hints = typing.get_type_hints(t)
            self._names = [f.name for f in dataclasses.fields(t)]
            members = [(n, hints[n]) for n in self._names]
            self._make = t
        elif typing.get_origin(t) is tuple:
            args = typing.get_args(t)
            if Ellipsis in args:
                raise TypeError(f"{t}: a tuple of any length has no columns; name the type of each member")
            members = [(f"f{i}", a) for i, a in enumerate(args)]
            self._make = lambda *v: v
        else:
            members = [(name, t)]
        self._kinds = [_kind(m, n) for n, m in members]
        self.fields = [pa.field(n, k.arrow, nullable=k.null) for (n, _), k in zip(members, self._kinds)]
        self._raw = len(members) == 1 and members[0][1] in (str, bytes)
        self._text = self._raw and members[0][1] is str

    def members(self, v: Any) -> typing.Sequence[Any]:
        """The columns of a value."""
        if self._make is None:
            return (v,)
        if self._names is not None:
            return [getattr(v, n) for n in self._names]
        if len(v) != len(self._kinds):
            raise TypeError(f"{v!r} has {len(v)} members, {self.type} has {len(self._kinds)}")
        return v  # type: ignore[no-any-return]

    def encode(self, v: Any) -> bytes:
        if self._raw:
            (m,) = self.members(v)
            if self._text:
                return _text_in(m)
            if not isinstance(m, (bytes, bytearray, memoryview)):
                raise TypeError(f"{m!r} is not bytes")
            return bytes(m)
        dst = bytearray()
        for kind, m in zip(self._kinds, self.members(v)):
            kind.put(dst, m)
        return bytes(dst)

    def decode(self, b: bytes) -> Any:
        if self._raw:
            out: list[Any] = [_text_out(b) if self._text else b]
        else:
            out, at = [], 0
            for kind in self._kinds:
                m, at = kind.take(b, at)
                out.append(m)
        return out[0] if self._make is None else self._make(*out)
