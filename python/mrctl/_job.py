"""What an author writes: a job, its types taken from the annotations of its functions."""

import argparse
import os
import sys
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Union

import pyarrow as pa

from . import _flags, _outputs, _program, _serve
from . import _wire as pb
from ._codec import Codec
from ._maps import BatchMap, Each, Map, item
from ._tagged import Tagged


def _wrap(n: Any) -> Any:
    return n if isinstance(n, float) else (n + 2**63) % 2**64 - 2**63


class Job:
    """A map, what folds its values, and a reduce.

    map(record) yields (key, value), of a line if the record is annotated as str or bytes, or of a row if it is a dataclass,
    whose fields are columns of the input. map_batch(batch) gets a pyarrow.RecordBatch with those columns (of lines the one
    column "record") and yields (keys, values), two arrays; it needs types=(K, V), and record=Row for rows. combine is "sum",
    "min", "max" or an associative and commutative function of two values. reduce(key, values) yields rows; without one each key
    with its folded value is a row.
    each(record), instead of all of these, yields the rows of the result in the order of the input: nothing is grouped.
    inputs, instead of a map, has one for each input: under the name of an input, or under a job that comes before, whose rows
    it maps. Their keys are of one type. If their values are not, reduce gets values of all of these types.
    outputs are further ones, which reduce, or each, emits rows to.
    flags are the job's own: an argparse parser, whose values are in the job's .flags when its functions are called.
    """

    def __init__(
        self,
        name: str,
        *,
        map: Callable[..., Iterable[Any]] | None = None,
        map_batch: Callable[[pa.RecordBatch], Iterable[Any]] | None = None,
        reduce: Callable[..., Iterable[Any]] | None = None,
        combine: str | Callable[[Any, Any], Any] | None = None,
        each: Callable[..., Iterable[Any]] | None = None,
        inputs: Mapping[Union[str, "Job"], Callable[..., Iterable[Any]]] | None = None,
        types: tuple[Any, Any] | None = None,
        record: Any = None,
        outputs: Sequence[_outputs.Output[Any]] = (),
        flags: argparse.ArgumentParser | None = None,
    ):
        if [map, map_batch, each, inputs].count(None) != 3:
            raise TypeError(f"job {name}: it needs one of map, map_batch, each and inputs")
        self.name, self.reduce, self.parser, self.flags = name, reduce, flags, argparse.Namespace()
        if flags is not None:
            _flags.check(flags)
        where = f"job {name}"
        self.only_maps = each is not None
        self.inputs = list(inputs or ())  # what each of maps reads; none: one input, without a name
        if each is not None:
            if reduce is not None or combine is not None or types is not None:
                raise TypeError(f"{where}: each groups nothing, so reduce, combine and types do not go with it")
            self.maps: list[Map] = [Each(each, where, record)]
        elif map_batch is not None:
            self.maps = [BatchMap(map_batch, where, types, record)]
        elif map is not None:
            self.maps = [Map(map, where, types, record)]
        else:
            if types is not None or record is not None or not inputs:
                raise TypeError(f"{where}: inputs has a map for each input, and their annotations say the types")
            self.maps = [self._named(source, fn) for source, fn in inputs.items()]
        self.outputs = list(outputs)
        _outputs.check(where, self.outputs, self.only_maps or reduce is not None)
        self._typed()
        self.fold, self.fold_kind = self._folding(combine)
        self.rows: Codec | None = None
        if reduce is not None:
            self.rows = Codec(item(typing.get_type_hints(reduce).get("return"), f"{where}: what reduce returns"))

    def _named(self, source: Union[str, "Job"], fn: Callable[..., Iterable[Any]]) -> Map:
        where = f"job {self.name}, input {source if isinstance(source, str) else source.name}"
        if isinstance(source, str) and not _outputs.NAME.fullmatch(source):
            raise TypeError(f"{where}: a name is 1 to 40 of a-z, 0-9 and -")
        m = Map(fn, where)
        if isinstance(source, Job):
            has, wants = source.output(), m.records.schema.remove_metadata()
            if m.records.kind != pb.Stage.INPUT_KIND_ROW or not all(has.field(f.name) == f if f.name in has.names else False for f in wants):
                raise TypeError(f"{where}: it gives rows of ({_columns(has)}), and map takes ({_columns(wants)})")
        return m

    def _typed(self) -> None:
        """Makes one type of keys and one of values of what the maps give."""
        keys, values = self.maps[0].key_type, [self.maps[0].value_type]
        for source, m in zip(self.inputs, self.maps):
            if m.key_type != keys:
                raise TypeError(f"job {self.name}: the keys of one input are {keys}, those of another {m.key_type}")
            if m.value_type not in values:
                values.append(m.value_type)
        self.keys = Codec(keys, "key")
        if len(values) == 1:
            self.values: Codec | Tagged = Codec(values[0], "value")
            return
        if self.reduce is None:
            raise TypeError(f"job {self.name}: only a reduce can make rows of values of several types")
        self.values = tagged = Tagged(values)
        for m in self.maps:
            m.encode = tagged.encoder(m.value_type)

    def _folding(self, combine: Any) -> tuple[Callable[[Any, Any], Any] | None, int]:
        if combine is None:
            return None, pb.Stage.FOLD_UNSPECIFIED
        if isinstance(self.values, Tagged):
            raise TypeError(f"job {self.name}: values of several types are not combined")
        if callable(combine):
            return combine, pb.Stage.FOLD_OPAQUE
        encode = self.values.encode  # its order is that of the worker's fold, of NaN too
        known = {
            "sum": (lambda a, b: _wrap(a + b), pb.Stage.FOLD_SUM),
            "min": (lambda a, b: min(a, b, key=encode), pb.Stage.FOLD_MIN),
            "max": (lambda a, b: max(a, b, key=encode), pb.Stage.FOLD_MAX),
        }
        if combine not in known or self.values.type not in (int, float):
            raise TypeError(f"job {self.name}: combine={combine!r} of {self.values.type}: sum, min and max are of int or float; or give a function")
        return known[combine]

    @property
    def reduces(self) -> bool:
        """Whether rows come from the plugin's reduce."""
        return self.rows is not None or self.fold_kind == pb.Stage.FOLD_OPAQUE

    def output(self) -> pa.Schema:
        """The columns of the result."""
        return pa.schema(self.rows.fields if self.rows else self.keys.fields + self.values.fields)

    def main(self) -> None:
        """Serves the job, and those whose rows it reads, to the worker that has started this program."""
        if os.environ.get(_serve.COOKIE) != _serve.COOKIE_VALUE:
            sys.exit(f"{self.name} is a job for mrctl:\n\n  python -m mrctl pack {sys.argv[0]} -o {self.name}\n  mrctl run ./{self.name} INPUT...")
        program = _program.Program(self)
        _serve.serve(program.describe(sys.argv[1:]), program)


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f"{f.name}: {f.type}{' or None' if f.nullable else ''}" for f in schema)
