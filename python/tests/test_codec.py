import dataclasses
import json
import math
import pathlib
import random

import pytest
from mrctl._codec import Codec

VECTORS = json.loads((pathlib.Path(__file__).parents[2] / "internal/codec/testdata/vectors.json").read_text())


@dataclasses.dataclass(frozen=True)
class Two:
    a: str
    b: str


VALUES = {
    ("bool", "false"): (bool, False),
    ("bool", "true"): (bool, True),
    ("int64", "min"): (int, -(2**63)),
    ("int64", "0"): (int, 0),
    ("int64", "max"): (int, 2**63 - 1),
    ("int", "-1"): (int, -1),
    ("float64", "-Inf"): (float, -math.inf),
    ("float64", "-1"): (float, -1.0),
    ("float64", "-0"): (float, -0.0),
    ("float64", "0"): (float, 0.0),
    ("float64", "1.5"): (float, 1.5),
    ("float64", "+Inf"): (float, math.inf),
    ("float64", "NaN"): (float, math.nan),
    ("string", "alone"): (str, "a\0b"),
    ("string", "empty, alone"): (str, ""),
    ("bytes", "alone"): (bytes, b"a\0b"),
    ("struct{string,string}", "a NUL b, empty"): (Two, Two("a\0b", "")),
    ("[2]string", "a, b"): (tuple[str, str], ("a", "b")),
}


def test_vectors() -> None:
    seen = 0
    for v in VECTORS["keys"]:
        if (v["type"], v["value"]) not in VALUES:
            continue
        kind, value = VALUES[v["type"], v["value"]]
        codec = Codec(kind)
        assert codec.encode(value).hex() == v["hex"], v
        back = codec.decode(bytes.fromhex(v["hex"]))
        assert back == value or math.isnan(value) and math.isnan(back)
        seen += 1
    assert seen == len(VALUES)


def test_order_and_way_back() -> None:
    rng = random.Random(1)
    kind = tuple[bytes, int, float, bool]
    codec = Codec(kind)
    values = [
        (rng.randbytes(rng.randrange(3)).replace(b"\x01", b"\0"), rng.randrange(-3, 3), rng.choice([-1.5, 0.0, 2e300]), rng.random() < 0.5)
        for _ in range(500)
    ]
    assert sorted(values) == sorted(values, key=codec.encode)
    assert [codec.decode(codec.encode(v)) for v in values] == values


def test_any_bytes_are_text() -> None:
    codec = Codec(str)
    assert codec.encode(codec.decode(b"\xff\0\xc3")) == b"\xff\0\xc3"


def test_wrong_types() -> None:
    for kind in (list[int], tuple[int, ...], complex, tuple[list[int], int]):
        with pytest.raises(TypeError):
            Codec(kind)
    with pytest.raises(OverflowError):
        Codec(int).encode(2**63)
    with pytest.raises(TypeError):
        Codec(tuple[int, int]).encode((1, 2, 3))
