"""A plugin's side of the wire: the plain stream of docs/plugin-protocol.md."""

import os
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from typing import Any

import grpc
import pyarrow as pa

from . import _wire as pb

COOKIE, COOKIE_VALUE = "MRCTL_PLUGIN", "e3b5a1c07d2f4496"
PROTOCOL = 1
MAX_BODY = 1 << 20  # bytes of body in a message
BATCH = 1 << 20  # bytes of pairs that are gathered before they are sent
MAX_BUFFER = (1 << 30) + 2


class Stop(Exception):
    """The attempt has failed: the worker is told what is in it."""

    def __init__(self, failure: pb.Failure):
        super().__init__(failure.error)
        self.failure = failure


class Torn(Exception):
    """The worker broke the rules of the wire, or is gone."""


# What a job's functions may raise. sys.exit() is an error like others: what is raised beyond gRPC is never answered.
RAISED = (Exception, SystemExit, KeyboardInterrupt)


def bodies(buffers: Iterable[bytes]) -> list[bytes]:
    whole = b"".join(buffers)
    return [whole[i : i + MAX_BODY] for i in range(0, len(whole), MAX_BODY)] or [b""]


def read_body(lengths: Iterable[int], total: int, first: bytes, messages: Iterator[Any]) -> list[bytes]:
    lengths = list(lengths)
    if sum(lengths) != total or any(n > MAX_BUFFER for n in lengths):
        raise Torn(f"buffers of {lengths} bytes in a body of {total}")
    parts, have = [first], len(first)
    while have < total:
        m = next(messages, None)
        if m is None or m.WhichOneof("kind") is not None or not m.body:
            raise Torn("a body that is not whole")
        parts.append(m.body)
        have += len(m.body)
    if have > total:
        raise Torn("bytes after the end of a body")
    whole = b"".join(parts)
    out, at = [], 0
    for n in lengths:
        out.append(whole[at : at + n])
        at += n
    return out


def offsets(raw: bytes, rows: int, data: bytes) -> memoryview:
    if len(raw) != 4 * (rows + 1):
        raise Torn(f"{len(raw)} bytes of offsets for {rows} rows")
    off = memoryview(raw).cast("i")  # little-endian, as the machines are that this runs on
    if off[0] < 0 or off[rows] > len(data):
        raise Torn("offsets beyond the data")
    return off


class Gather:
    """Pairs on their way to the worker."""

    def __init__(self) -> None:
        self.keys: list[bytes] = []
        self.vals: list[bytes] = []
        self.size = 0

    def add(self, key: bytes, val: bytes) -> None:
        self.keys.append(key)
        self.vals.append(val)
        self.size += len(key) + len(val) + 8

    def take(self) -> Iterator[pb.MapResponse]:
        if not self.keys:
            return
        bufs: list[bytes] = []
        for column in (self.keys, self.vals):
            arr = pa.array(column, pa.binary())
            off, data = arr.buffers()[1:]
            bufs.append(off.to_pybytes()[: 4 * (len(column) + 1)])
            bufs.append(b"".join(column) if data is not None else b"")
        head = pb.PairBatch(
            buffers=pb.Buffers(rows=len(self.keys), lengths=[len(b) for b in bufs]), body_length=sum(map(len, bufs))
        )
        first, *rest = bodies(bufs)
        yield pb.MapResponse(batch=head, body=first)
        for body in rest:
            yield pb.MapResponse(body=body)
        self.__init__()  # type: ignore[misc]


def rows_message(batch: pa.RecordBatch, output: int = 0, of_map: bool = False) -> Iterator[Any]:
    """The messages of a batch of rows: of the result, or of a named output, counted from 1."""
    msg = batch.serialize().to_pybytes()
    head = pb.OutputBatch(rows=batch.num_rows, body_length=len(msg), output=output)
    first, *rest = bodies([msg])
    yield pb.MapResponse(rows=head, body=first) if of_map else pb.ReduceResponse(batch=head, body=first)
    for body in rest:
        yield pb.MapResponse(body=body) if of_map else pb.ReduceResponse(body=body)


def failure(e: BaseException, **place: Any) -> Stop:
    text = "".join(traceback.format_exception_only(type(e), e)).strip()
    stack = "".join(traceback.format_exception(e))
    clean = lambda s: s[: 32 << 10].encode("utf-8", "replace").decode()  # protobuf insists on UTF-8
    return Stop(pb.Failure(error=clean(text), stack=clean(stack), **place))


class Service:
    """PluginService over one program."""

    def __init__(self, about: pb.DescribeResponse, program: Any):
        self.about, self.program = about, program

    def describe(self, req: pb.DescribeRequest, ctx: grpc.ServicerContext) -> pb.DescribeResponse:
        if PROTOCOL not in req.protocols:
            ctx.abort(grpc.StatusCode.INVALID_ARGUMENT, f"this plugin speaks protocol {PROTOCOL}, the worker {list(req.protocols)}")
        return self.about

    def map(self, messages: Iterator[Any], ctx: grpc.ServicerContext) -> Iterator[pb.MapResponse]:
        return self._attempt(messages, ctx, self.program.map_attempt, lambda f: pb.MapResponse(failure=f))

    def reduce(self, messages: Iterator[Any], ctx: grpc.ServicerContext) -> Iterator[pb.ReduceResponse]:
        return self._attempt(messages, ctx, self.program.reduce_attempt, lambda f: pb.ReduceResponse(failure=f))

    def _attempt(self, messages: Iterator[Any], ctx: grpc.ServicerContext, run: Callable[..., Iterator[Any]], failed: Callable[..., Any]) -> Iterator[Any]:
        first = next(messages, None)
        if first is None or first.WhichOneof("kind") != "start":
            ctx.abort(grpc.StatusCode.INVALID_ARGUMENT, "a stream that does not begin with its start")
        try:
            yield from run(first.start, messages)
        except Stop as s:
            yield failed(s.failure)
        except Torn as t:
            ctx.abort(grpc.StatusCode.DATA_LOSS, str(t))
        except RAISED as e:  # such as a value that was folded to what has no encoding
            yield failed(failure(e).failure)


def input_batches(messages: Iterator[Any]) -> Iterator[tuple[Any, list[bytes]]]:
    """The batches of an attempt, whole, to its End."""
    for m in messages:
        kind = m.WhichOneof("kind")
        if kind == "end":
            return
        if kind != "batch":
            raise Torn(f"{kind} where a batch or the end was due")
        yield m.batch, read_body(m.batch.buffers.lengths, m.batch.body_length, m.body, messages)
    raise Torn("the stream ended before its input did")


def _watch_parent() -> None:
    fd = int(os.environ.get("MRCTL_PARENT_FD", "-1"))
    if fd > 2:
        while os.read(fd, 4096):
            pass
        os._exit(1)  # the worker is gone, or has let go of us


def serve(about: pb.DescribeResponse, program: Any) -> None:
    threading.Thread(target=_watch_parent, daemon=True).start()
    service = Service(about, program)
    handler = grpc.method_handlers_generic_handler(
        "plugin.v1.PluginService",
        {
            "Describe": grpc.unary_unary_rpc_method_handler(
                service.describe, pb.DescribeRequest.FromString, pb.DescribeResponse.SerializeToString
            ),
            "Map": grpc.stream_stream_rpc_method_handler(
                service.map, pb.MapRequest.FromString, pb.MapResponse.SerializeToString
            ),
            "Reduce": grpc.stream_stream_rpc_method_handler(
                service.reduce, pb.ReduceRequest.FromString, pb.ReduceResponse.SerializeToString
            ),
        },
    )
    server = grpc.server(
        futures.ThreadPoolExecutor(64),
        options=[("grpc.max_receive_message_length", 16 << 20), ("grpc.max_send_message_length", 16 << 20)],
    )
    server.add_generic_rpc_handlers((handler,))
    path = os.path.join(os.environ.get("PLUGIN_UNIX_SOCKET_DIR") or os.environ.get("TMPDIR") or "/tmp", f"py{os.getpid()}")
    server.add_insecure_port("unix:" + path)
    server.start()
    print(f"1|{PROTOCOL}|unix|{path}|grpc|", flush=True)
    os.dup2(2, 1)  # what the job prints goes to standard error
    server.wait_for_termination()
