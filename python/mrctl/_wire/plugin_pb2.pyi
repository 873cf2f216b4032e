from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DescribeRequest(_message.Message):
    __slots__ = ("protocols", "abilities")
    PROTOCOLS_FIELD_NUMBER: _ClassVar[int]
    ABILITIES_FIELD_NUMBER: _ClassVar[int]
    protocols: _containers.RepeatedScalarFieldContainer[int]
    abilities: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, protocols: _Optional[_Iterable[int]] = ..., abilities: _Optional[_Iterable[str]] = ...) -> None: ...

class DescribeResponse(_message.Message):
    __slots__ = ("protocol", "sdk", "stages", "flags", "abilities", "invalid")
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    SDK_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    ABILITIES_FIELD_NUMBER: _ClassVar[int]
    INVALID_FIELD_NUMBER: _ClassVar[int]
    protocol: int
    sdk: str
    stages: _containers.RepeatedCompositeFieldContainer[Stage]
    flags: _containers.RepeatedCompositeFieldContainer[Flag]
    abilities: _containers.RepeatedScalarFieldContainer[str]
    invalid: str
    def __init__(self, protocol: _Optional[int] = ..., sdk: _Optional[str] = ..., stages: _Optional[_Iterable[_Union[Stage, _Mapping]]] = ..., flags: _Optional[_Iterable[_Union[Flag, _Mapping]]] = ..., abilities: _Optional[_Iterable[str]] = ..., invalid: _Optional[str] = ...) -> None: ...

class Stage(_message.Message):
    __slots__ = ("name", "input_schema", "key_schema", "value_schema", "output_schema", "input_kind", "fold", "has_map", "has_reduce", "has_partition", "raw_lines", "identity", "inputs", "map_only", "outputs", "sides")
    class InputKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        INPUT_KIND_UNSPECIFIED: _ClassVar[Stage.InputKind]
        INPUT_KIND_STRING: _ClassVar[Stage.InputKind]
        INPUT_KIND_BYTES: _ClassVar[Stage.InputKind]
        INPUT_KIND_ROW: _ClassVar[Stage.InputKind]
    INPUT_KIND_UNSPECIFIED: Stage.InputKind
    INPUT_KIND_STRING: Stage.InputKind
    INPUT_KIND_BYTES: Stage.InputKind
    INPUT_KIND_ROW: Stage.InputKind
    class Fold(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FOLD_UNSPECIFIED: _ClassVar[Stage.Fold]
        FOLD_OPAQUE: _ClassVar[Stage.Fold]
        FOLD_SUM: _ClassVar[Stage.Fold]
        FOLD_MIN: _ClassVar[Stage.Fold]
        FOLD_MAX: _ClassVar[Stage.Fold]
        FOLD_COUNT: _ClassVar[Stage.Fold]
    FOLD_UNSPECIFIED: Stage.Fold
    FOLD_OPAQUE: Stage.Fold
    FOLD_SUM: Stage.Fold
    FOLD_MIN: Stage.Fold
    FOLD_MAX: Stage.Fold
    FOLD_COUNT: Stage.Fold
    NAME_FIELD_NUMBER: _ClassVar[int]
    INPUT_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    KEY_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    VALUE_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    INPUT_KIND_FIELD_NUMBER: _ClassVar[int]
    FOLD_FIELD_NUMBER: _ClassVar[int]
    HAS_MAP_FIELD_NUMBER: _ClassVar[int]
    HAS_REDUCE_FIELD_NUMBER: _ClassVar[int]
    HAS_PARTITION_FIELD_NUMBER: _ClassVar[int]
    RAW_LINES_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    MAP_ONLY_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    SIDES_FIELD_NUMBER: _ClassVar[int]
    name: str
    input_schema: bytes
    key_schema: bytes
    value_schema: bytes
    output_schema: bytes
    input_kind: Stage.InputKind
    fold: Stage.Fold
    has_map: bool
    has_reduce: bool
    has_partition: bool
    raw_lines: bool
    identity: bool
    inputs: _containers.RepeatedCompositeFieldContainer[Input]
    map_only: bool
    outputs: _containers.RepeatedCompositeFieldContainer[Output]
    sides: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., input_schema: _Optional[bytes] = ..., key_schema: _Optional[bytes] = ..., value_schema: _Optional[bytes] = ..., output_schema: _Optional[bytes] = ..., input_kind: _Optional[_Union[Stage.InputKind, str]] = ..., fold: _Optional[_Union[Stage.Fold, str]] = ..., has_map: _Optional[bool] = ..., has_reduce: _Optional[bool] = ..., has_partition: _Optional[bool] = ..., raw_lines: _Optional[bool] = ..., identity: _Optional[bool] = ..., inputs: _Optional[_Iterable[_Union[Input, _Mapping]]] = ..., map_only: _Optional[bool] = ..., outputs: _Optional[_Iterable[_Union[Output, _Mapping]]] = ..., sides: _Optional[_Iterable[str]] = ...) -> None: ...

class Input(_message.Message):
    __slots__ = ("name", "input_schema", "input_kind", "raw_lines", "after")
    NAME_FIELD_NUMBER: _ClassVar[int]
    INPUT_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    INPUT_KIND_FIELD_NUMBER: _ClassVar[int]
    RAW_LINES_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    name: str
    input_schema: bytes
    input_kind: Stage.InputKind
    raw_lines: bool
    after: int
    def __init__(self, name: _Optional[str] = ..., input_schema: _Optional[bytes] = ..., input_kind: _Optional[_Union[Stage.InputKind, str]] = ..., raw_lines: _Optional[bool] = ..., after: _Optional[int] = ...) -> None: ...

class Output(_message.Message):
    __slots__ = ("name", "schema")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    name: str
    schema: bytes
    def __init__(self, name: _Optional[str] = ..., schema: _Optional[bytes] = ...) -> None: ...

class Side(_message.Message):
    __slots__ = ("name", "path")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    name: str
    path: str
    def __init__(self, name: _Optional[str] = ..., path: _Optional[str] = ...) -> None: ...

class Flag(_message.Message):
    __slots__ = ("name", "usage", "default_value", "is_bool")
    NAME_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_VALUE_FIELD_NUMBER: _ClassVar[int]
    IS_BOOL_FIELD_NUMBER: _ClassVar[int]
    name: str
    usage: str
    default_value: str
    is_bool: bool
    def __init__(self, name: _Optional[str] = ..., usage: _Optional[str] = ..., default_value: _Optional[str] = ..., is_bool: _Optional[bool] = ...) -> None: ...

class Buffers(_message.Message):
    __slots__ = ("rows", "lengths")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    LENGTHS_FIELD_NUMBER: _ClassVar[int]
    rows: int
    lengths: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, rows: _Optional[int] = ..., lengths: _Optional[_Iterable[int]] = ...) -> None: ...

class Place(_message.Message):
    __slots__ = ("segment", "offsets")
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    OFFSETS_FIELD_NUMBER: _ClassVar[int]
    segment: int
    offsets: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, segment: _Optional[int] = ..., offsets: _Optional[_Iterable[int]] = ...) -> None: ...

class MapRequest(_message.Message):
    __slots__ = ("start", "batch", "end", "credit", "body")
    START_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    start: MapStart
    batch: InputBatch
    end: End
    credit: Credit
    body: bytes
    def __init__(self, start: _Optional[_Union[MapStart, _Mapping]] = ..., batch: _Optional[_Union[InputBatch, _Mapping]] = ..., end: _Optional[_Union[End, _Mapping]] = ..., credit: _Optional[_Union[Credit, _Mapping]] = ..., body: _Optional[bytes] = ...) -> None: ...

class TaskID(_message.Message):
    __slots__ = ("job", "stage", "task", "attempt")
    JOB_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    job: str
    stage: int
    task: int
    attempt: int
    def __init__(self, job: _Optional[str] = ..., stage: _Optional[int] = ..., task: _Optional[int] = ..., attempt: _Optional[int] = ...) -> None: ...

class MapStart(_message.Message):
    __slots__ = ("id", "partitions", "memory", "bad_samples", "down", "up", "progress_nanos", "ack_batches", "report_bad", "input", "sides")
    ID_FIELD_NUMBER: _ClassVar[int]
    PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    BAD_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    DOWN_FIELD_NUMBER: _ClassVar[int]
    UP_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_NANOS_FIELD_NUMBER: _ClassVar[int]
    ACK_BATCHES_FIELD_NUMBER: _ClassVar[int]
    REPORT_BAD_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    SIDES_FIELD_NUMBER: _ClassVar[int]
    id: TaskID
    partitions: int
    memory: int
    bad_samples: int
    down: _containers.RepeatedScalarFieldContainer[int]
    up: _containers.RepeatedScalarFieldContainer[int]
    progress_nanos: int
    ack_batches: bool
    report_bad: bool
    input: int
    sides: _containers.RepeatedCompositeFieldContainer[Side]
    def __init__(self, id: _Optional[_Union[TaskID, _Mapping]] = ..., partitions: _Optional[int] = ..., memory: _Optional[int] = ..., bad_samples: _Optional[int] = ..., down: _Optional[_Iterable[int]] = ..., up: _Optional[_Iterable[int]] = ..., progress_nanos: _Optional[int] = ..., ack_batches: _Optional[bool] = ..., report_bad: _Optional[bool] = ..., input: _Optional[int] = ..., sides: _Optional[_Iterable[_Union[Side, _Mapping]]] = ...) -> None: ...

class InputBatch(_message.Message):
    __slots__ = ("buffers", "format", "terminated", "body_length", "place")
    class Format(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FORMAT_UNSPECIFIED: _ClassVar[InputBatch.Format]
        FORMAT_STRINGS: _ClassVar[InputBatch.Format]
        FORMAT_IPC: _ClassVar[InputBatch.Format]
    FORMAT_UNSPECIFIED: InputBatch.Format
    FORMAT_STRINGS: InputBatch.Format
    FORMAT_IPC: InputBatch.Format
    BUFFERS_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    TERMINATED_FIELD_NUMBER: _ClassVar[int]
    BODY_LENGTH_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    buffers: Buffers
    format: InputBatch.Format
    terminated: bool
    body_length: int
    place: Place
    def __init__(self, buffers: _Optional[_Union[Buffers, _Mapping]] = ..., format: _Optional[_Union[InputBatch.Format, str]] = ..., terminated: _Optional[bool] = ..., body_length: _Optional[int] = ..., place: _Optional[_Union[Place, _Mapping]] = ...) -> None: ...

class End(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Credit(_message.Message):
    __slots__ = ("segments",)
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    segments: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, segments: _Optional[_Iterable[int]] = ...) -> None: ...

class MapResponse(_message.Message):
    __slots__ = ("batch", "done", "failure", "progress", "credit", "bad", "rows", "body")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    BAD_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    batch: PairBatch
    done: MapDone
    failure: Failure
    progress: Progress
    credit: Credit
    bad: BadRecords
    rows: OutputBatch
    body: bytes
    def __init__(self, batch: _Optional[_Union[PairBatch, _Mapping]] = ..., done: _Optional[_Union[MapDone, _Mapping]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., credit: _Optional[_Union[Credit, _Mapping]] = ..., bad: _Optional[_Union[BadRecords, _Mapping]] = ..., rows: _Optional[_Union[OutputBatch, _Mapping]] = ..., body: _Optional[bytes] = ...) -> None: ...

class PairBatch(_message.Message):
    __slots__ = ("buffers", "sorted", "partition", "body_length", "place")
    BUFFERS_FIELD_NUMBER: _ClassVar[int]
    SORTED_FIELD_NUMBER: _ClassVar[int]
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    BODY_LENGTH_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    buffers: Buffers
    sorted: bool
    partition: int
    body_length: int
    place: Place
    def __init__(self, buffers: _Optional[_Union[Buffers, _Mapping]] = ..., sorted: _Optional[bool] = ..., partition: _Optional[int] = ..., body_length: _Optional[int] = ..., place: _Optional[_Union[Place, _Mapping]] = ...) -> None: ...

class MapDone(_message.Message):
    __slots__ = ("counters",)
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    counters: Counters
    def __init__(self, counters: _Optional[_Union[Counters, _Mapping]] = ...) -> None: ...

class Counters(_message.Message):
    __slots__ = ("user", "records_in", "pairs_out", "groups_in", "rows_out", "bad_records", "bad_samples")
    class UserEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    USER_FIELD_NUMBER: _ClassVar[int]
    RECORDS_IN_FIELD_NUMBER: _ClassVar[int]
    PAIRS_OUT_FIELD_NUMBER: _ClassVar[int]
    GROUPS_IN_FIELD_NUMBER: _ClassVar[int]
    ROWS_OUT_FIELD_NUMBER: _ClassVar[int]
    BAD_RECORDS_FIELD_NUMBER: _ClassVar[int]
    BAD_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    user: _containers.ScalarMap[str, int]
    records_in: int
    pairs_out: int
    groups_in: int
    rows_out: int
    bad_records: int
    bad_samples: _containers.RepeatedCompositeFieldContainer[BadRecord]
    def __init__(self, user: _Optional[_Mapping[str, int]] = ..., records_in: _Optional[int] = ..., pairs_out: _Optional[int] = ..., groups_in: _Optional[int] = ..., rows_out: _Optional[int] = ..., bad_records: _Optional[int] = ..., bad_samples: _Optional[_Iterable[_Union[BadRecord, _Mapping]]] = ...) -> None: ...

class BadRecord(_message.Message):
    __slots__ = ("batch", "row", "error", "record")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    batch: int
    row: int
    error: str
    record: bytes
    def __init__(self, batch: _Optional[int] = ..., row: _Optional[int] = ..., error: _Optional[str] = ..., record: _Optional[bytes] = ...) -> None: ...

class BadRecords(_message.Message):
    __slots__ = ("records",)
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    records: _containers.RepeatedCompositeFieldContainer[BadRecord]
    def __init__(self, records: _Optional[_Iterable[_Union[BadRecord, _Mapping]]] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("records",)
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    records: int
    def __init__(self, records: _Optional[int] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("error", "stack", "has_record", "batch", "row", "key")
    ERROR_FIELD_NUMBER: _ClassVar[int]
    STACK_FIELD_NUMBER: _ClassVar[int]
    HAS_RECORD_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    error: str
    stack: str
    has_record: bool
    batch: int
    row: int
    key: bytes
    def __init__(self, error: _Optional[str] = ..., stack: _Optional[str] = ..., has_record: _Optional[bool] = ..., batch: _Optional[int] = ..., row: _Optional[int] = ..., key: _Optional[bytes] = ...) -> None: ...

class ReduceRequest(_message.Message):
    __slots__ = ("start", "batch", "end", "credit", "body")
    START_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    start: ReduceStart
    batch: GroupBatch
    end: End
    credit: Credit
    body: bytes
    def __init__(self, start: _Optional[_Union[ReduceStart, _Mapping]] = ..., batch: _Optional[_Union[GroupBatch, _Mapping]] = ..., end: _Optional[_Union[End, _Mapping]] = ..., credit: _Optional[_Union[Credit, _Mapping]] = ..., body: _Optional[bytes] = ...) -> None: ...

class ReduceStart(_message.Message):
    __slots__ = ("id", "partitions", "memory", "down", "up", "sides")
    ID_FIELD_NUMBER: _ClassVar[int]
    PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    DOWN_FIELD_NUMBER: _ClassVar[int]
    UP_FIELD_NUMBER: _ClassVar[int]
    SIDES_FIELD_NUMBER: _ClassVar[int]
    id: TaskID
    partitions: int
    memory: int
    down: _containers.RepeatedScalarFieldContainer[int]
    up: _containers.RepeatedScalarFieldContainer[int]
    sides: _containers.RepeatedCompositeFieldContainer[Side]
    def __init__(self, id: _Optional[_Union[TaskID, _Mapping]] = ..., partitions: _Optional[int] = ..., memory: _Optional[int] = ..., down: _Optional[_Iterable[int]] = ..., up: _Optional[_Iterable[int]] = ..., sides: _Optional[_Iterable[_Union[Side, _Mapping]]] = ...) -> None: ...

class GroupBatch(_message.Message):
    __slots__ = ("buffers", "continues", "body_length", "place")
    BUFFERS_FIELD_NUMBER: _ClassVar[int]
    CONTINUES_FIELD_NUMBER: _ClassVar[int]
    BODY_LENGTH_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    buffers: Buffers
    continues: bool
    body_length: int
    place: Place
    def __init__(self, buffers: _Optional[_Union[Buffers, _Mapping]] = ..., continues: _Optional[bool] = ..., body_length: _Optional[int] = ..., place: _Optional[_Union[Place, _Mapping]] = ...) -> None: ...

class ReduceResponse(_message.Message):
    __slots__ = ("batch", "done", "failure", "credit", "body")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    batch: OutputBatch
    done: ReduceDone
    failure: Failure
    credit: Credit
    body: bytes
    def __init__(self, batch: _Optional[_Union[OutputBatch, _Mapping]] = ..., done: _Optional[_Union[ReduceDone, _Mapping]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., credit: _Optional[_Union[Credit, _Mapping]] = ..., body: _Optional[bytes] = ...) -> None: ...

class OutputBatch(_message.Message):
    __slots__ = ("rows", "body_length", "place", "output")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    BODY_LENGTH_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    rows: int
    body_length: int
    place: Place
    output: int
    def __init__(self, rows: _Optional[int] = ..., body_length: _Optional[int] = ..., place: _Optional[_Union[Place, _Mapping]] = ..., output: _Optional[int] = ...) -> None: ...

class ReduceDone(_message.Message):
    __slots__ = ("counters",)
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    counters: Counters
    def __init__(self, counters: _Optional[_Union[Counters, _Mapping]] = ...) -> None: ...
