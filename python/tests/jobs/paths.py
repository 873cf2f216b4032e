"""A job that maps batches of rows: how many visits, and their cost, by path."""

import dataclasses
from collections.abc import Iterator

import pyarrow as pa
from mrctl import Job


@dataclasses.dataclass
class Visit:
    path: str
    cost: float | None
    agent: bytes | None = None


def costs(batch: pa.RecordBatch) -> Iterator[tuple[pa.Array, pa.Array]]:
    if batch.schema.names != ["path", "cost", "agent"]:
        raise ValueError(f"columns {batch.schema.names}")
    yield batch["path"], batch["cost"].fill_null(0.5)


if __name__ == "__main__":
    Job("paths", map_batch=costs, record=Visit, types=(str, float), combine="sum").main()
