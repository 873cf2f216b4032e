import collections
import json
import os
import pathlib
import subprocess
from collections.abc import Iterator

import pytest
from mrctl import Job
from mrctl.__main__ import pack

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
MRCTL = os.environ["MRCTL"]  # make python-test sets it
TEXT = ROOT / "docs" / "plugins.md"


def packed(job: str, tmp: pathlib.Path) -> str:
    pack(HERE.parent / job, tmp / "plugin")
    return str(tmp / "plugin")


def mrctl(*args: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([MRCTL, *args], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return done


JOBS = ("rich", "columns", "lines", "sessions", "paths", "usersevents", "lengths", "sorted_out", "parsed")


@pytest.mark.parametrize("job", ["examples/wordcount.py", *(f"tests/jobs/{j}.py" for j in JOBS)])
def test_keeps_the_rules(job: str, tmp_path: pathlib.Path) -> None:
    failing = ["--failing", "BOOM"] if "rich" in job or "lines" in job else []
    out = mrctl("plugin", "check", "--json", *failing, packed(job, tmp_path)).stdout
    states = {r["check"]: r["state"] for r in map(json.loads, out.splitlines())}
    maps = [state for check, state in states.items() if check.endswith("map, at once")]
    assert set(maps) == {"pass"} and len(maps) == (2 if "usersevents" in job or "lengths" in job else 1)
    assert states["end"] == "pass"
    if failing:
        assert "skip" not in states.values()


def test_counts_as_the_go_example_does(tmp_path: pathlib.Path) -> None:
    ours, theirs = (
        mrctl("run", "-q", plugin, str(TEXT), "-o", "-", "--single").stdout
        for plugin in (packed("examples/wordcount.py", tmp_path), str(ROOT / "examples" / "wordcount"))
    )
    assert ours == theirs and "\n" in ours


def test_serves_a_cluster(tmp_path: pathlib.Path) -> None:
    plugin, store, out = packed("examples/wordcount.py", tmp_path), tmp_path / "store", tmp_path / "out"
    with subprocess.Popen([MRCTL, "serve", "all", "--store", str(store)], stderr=subprocess.PIPE) as cluster:
        try:
            assert cluster.stderr is not None and cluster.stderr.readline()  # it says where it listens
            mrctl("submit", "-q", plugin, str(TEXT), "-o", str(out), "--store", str(store), "--partitions", "2")
        finally:
            cluster.terminate()
            cluster.communicate(timeout=60)
    rows = [line.rsplit("\t", 1) for part in sorted(out.glob("part-*")) for line in part.read_text().splitlines()]
    assert len(rows) == len({w for w, _ in rows})
    assert sum(int(n) for _, n in rows) == len(TEXT.read_text().split())


def test_rich(tmp_path: pathlib.Path) -> None:
    text = tmp_path / "in.txt"
    text.write_text("to be or not to be\nbad\n\nthat is the question\n")
    out = mrctl("run", "-q", packed("tests/jobs/rich.py", tmp_path), str(text), "-o", "-", "--single").stdout
    want = collections.Counter((w[0], len(w)) for w in "to be or not to be that is the question".split())
    assert out.splitlines() == [f"{a}\t{n}\t{k}\t{n / 2:g}" for (a, n), k in sorted(want.items())]


def test_only_maps(tmp_path: pathlib.Path) -> None:
    text, out = tmp_path / "in.txt", tmp_path / "out"
    text.write_text("to be\nbad\n\nor not\na\n")
    mrctl("run", "-q", packed("tests/jobs/lines.py", tmp_path), str(text), "-o", str(out), "--output-format", "csv")
    assert mrctl("cat", str(out)).stdout.splitlines() == ["upper,length", "TO BE,5", "OR NOT,6", "A,1"]


def test_failure_names_the_record(tmp_path: pathlib.Path) -> None:
    text = tmp_path / "in.txt"
    text.write_text("fine\nBOOM\n")
    done = mrctl("run", "-q", packed("tests/jobs/rich.py", tmp_path), str(text), "-o", "-", code=1)
    assert "at byte 5" in done.stderr and "told to fail" in done.stderr


def test_wrong_jobs() -> None:
    def untyped(line):  # type: ignore[no-untyped-def]
        yield line, 1

    def lines(line: str) -> Iterator[str]:
        yield line

    for wrong in (
        dict(),
        dict(map=untyped),
        dict(map=untyped, types=(str, str), combine="sum"),
        dict(map=untyped, types=(str, list), combine="sum"),
        dict(map=untyped, types=(str, int), reduce=untyped),
        dict(each=untyped),
        dict(each=lines, map=lines),
        dict(each=lines, combine="sum"),
    ):
        with pytest.raises(TypeError):
            Job("wrong", **wrong)  # type: ignore[arg-type]
