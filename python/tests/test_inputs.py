"""Named inputs, joins, and stages that read the rows of earlier ones."""

import collections
import dataclasses
import pathlib
from collections.abc import Iterator

import pytest
from mrctl import Job
from mrctl._program import Program
from mrctl._tagged import Tagged
from test_jobs import ROOT, TEXT, mrctl, packed


def test_joins_as_the_go_example_does(tmp_path: pathlib.Path) -> None:
    users, events = tmp_path / "users.csv", tmp_path / "events.jsonl"
    users.write_text("id,name,country\n1,Ann,DE\n2,Bob,FR\n")
    events.write_text('{"user":1,"what":"buy"}\n{"user":3,"what":"look"}\n{"user":1,"what":"a look"}\n')
    ours, theirs = (
        sorted(mrctl("run", "-q", plugin, "--input", f"users={users}", "--input", f"events={events}", "-o", "-", "--single").stdout.splitlines())
        for plugin in (packed("tests/jobs/usersevents.py", tmp_path), str(ROOT / "examples" / "usersevents"))
    )
    assert ours == theirs == ["1\tAnn\tDE\ta look", "1\tAnn\tDE\tbuy", "3\t\t\tlook"]


def test_a_stage_reads_the_rows_of_another(tmp_path: pathlib.Path) -> None:
    out = mrctl("run", "-q", packed("tests/jobs/lengths.py", tmp_path), str(TEXT), "-o", "-", "--single").stdout
    want = collections.Counter(collections.Counter(TEXT.read_text().split()).values())
    assert out.splitlines() == [f"{n}\t{words}" for n, words in sorted(want.items())]


def test_values_know_their_type() -> None:
    tagged = Tagged([str, tuple[int, int], bytes])
    for kind, value in ((str, "a\0"), (tuple[int, int], (1, -1)), (bytes, b"")):
        assert tagged.decode(tagged.encoder(kind)(value)) == value


@dataclasses.dataclass
class Row:
    text: str
    n: int


@dataclasses.dataclass
class Other:
    text: str
    n: float


def lines(line: str) -> Iterator[tuple[str, int]]:
    yield line, 1


def floats(line: str) -> Iterator[tuple[str, float]]:
    yield line, 1.0


def others(row: Other) -> Iterator[tuple[str, int]]:
    yield row.text, 1


def rows(key: str, values: Iterator[int]) -> Iterator[Row]:
    yield Row(key, sum(values))


def row(row: Row) -> Iterator[tuple[str, int]]:
    yield row.text, row.n


def by_n(row: Row) -> Iterator[tuple[int, int]]:
    yield row.n, 1


first = Job("first", map=lines, reduce=rows)


@pytest.mark.parametrize(
    "wrong, says",
    [
        (dict(inputs={}), "a map for each input"),
        (dict(inputs={"A b": lines}), "a name is"),
        (dict(inputs={"a": lines}, map=lines), "one of"),
        (dict(inputs={"a": lines, "b": by_n}, reduce=rows), "keys"),
        (dict(inputs={"a": lines, "b": floats}), "only a reduce"),
        (dict(inputs={"a": lines, "b": floats}, combine="sum", reduce=rows), "not combined"),
        (dict(inputs={first: lines}), "input first: it gives rows of (text: string, n: int64), and map takes (record: string)"),
        (dict(inputs={first: others}), "and map takes (text: string, n: double)"),
    ],
)
def test_wrong_inputs(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(TypeError) as e:
        Job("wrong", **wrong)  # type: ignore[arg-type]
    assert says in str(e.value)


def test_stages_come_after_what_they_read() -> None:
    second = Job("second", inputs={first: row, "more": lines}, reduce=rows)
    third = Job("third", inputs={second: row, first: row}, combine="max")
    about = Program(third).describe([])
    assert [(s.name, [(i.name, i.after) for i in s.inputs]) for s in about.stages] == [
        ("first", []),
        ("second", [("first", 1), ("more", 0)]),
        ("third", [("second", 2), ("first", 1)]),
    ]
    with pytest.raises(TypeError, match="one name"):
        Program(Job("first", inputs={first: row}))
