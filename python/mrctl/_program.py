"""A whole program: a job and the ones whose rows it reads, as stages."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from . import _attempts, _flags, _serve
from . import _wire as pb

if TYPE_CHECKING:
    from ._job import Job


def _schema(s: pa.Schema) -> bytes:
    return s.serialize().to_pybytes()  # type: ignore[no-any-return]


class Program:
    """The stages that lead to a last one, each after those that it reads."""

    def __init__(self, last: "Job"):
        self.stages: list["Job"] = []
        self._visit(last)
        names = [s.name for s in self.stages]
        if len(set(names)) < len(names):
            raise TypeError(f"two of the stages {names} have one name")
        if early := [s.name for s in self.stages[:-1] if s.outputs]:
            raise TypeError(f"job {early[0]}: only the last stage has named outputs, which is {last.name}")
        parsers = {id(s.parser): s.parser for s in self.stages if s.parser is not None}
        if len(parsers) > 1:
            raise TypeError(f"job {last.name}: its stages have several parsers of flags; give them one")
        self._parser = next(iter(parsers.values()), None) or argparse.ArgumentParser(prog=last.name, add_help=False)

    def _visit(self, job: "Job") -> None:
        for source in job.inputs:
            if not isinstance(source, str) and source not in self.stages:
                self._visit(source)
        self.stages.append(job)

    def describe(self, args: list[str]) -> pb.DescribeResponse:
        """What the worker is told. The stages get the values of the flags."""
        about = pb.DescribeResponse(protocol=_serve.PROTOCOL, sdk="python/0.1", flags=_flags.described(self._parser))
        try:
            values = _flags.parsed(self._parser, args)
        except _flags.Wrong as e:
            about.invalid = str(e)
            return about
        for job in self.stages:
            job.flags = values
            about.stages.append(self._stage(job))
        return about

    def _stage(self, job: "Job") -> pb.Stage:
        stage = pb.Stage(
            name=job.name,
            key_schema=_schema(pa.schema(job.keys.fields)),
            value_schema=_schema(pa.schema(job.values.fields)),
            output_schema=_schema(job.output()),
            fold=job.fold_kind,  # type: ignore[arg-type]
            has_map=True,
            has_reduce=job.reduces,
            map_only=job.only_maps,
        )
        for source, m in zip(job.inputs, job.maps):
            name, after = (source, 0) if isinstance(source, str) else (source.name, self.stages.index(source) + 1)
            stage.inputs.add(name=name, input_schema=_schema(m.records.schema), input_kind=m.records.kind, after=after)
        if not job.inputs:
            stage.input_schema, stage.input_kind = _schema(job.maps[0].records.schema), job.maps[0].records.kind
        for output in job.outputs:
            stage.outputs.add(name=output.name, schema=_schema(pa.schema(output.codec.fields)))
        return stage

    def _stage_of(self, start: Any) -> "Job":
        if start.id.stage >= len(self.stages):
            raise _serve.Torn(f"the worker asks for stage {start.id.stage}, and the job has {len(self.stages)}")
        return self.stages[start.id.stage]

    def map_attempt(self, start: Any, messages: Iterator[Any]) -> Iterator[Any]:
        return _attempts.map_attempt(self._stage_of(start), start, messages)

    def reduce_attempt(self, start: Any, messages: Iterator[Any]) -> Iterator[Any]:
        return _attempts.reduce_attempt(self._stage_of(start), start, messages)
