"""Stores on disk for what outgrows memory: stacks of interferograms by pixel block, results written block by block.

Whatever is written here can be killed at any moment: it appears under its name only when it is complete, the same call
resumes it with bit-identical outcome, and a failing rerun leaves the earlier result as it was (``store.run`` has the
protocol). Nothing here makes a dask client: work runs on the scheduler in force.
"""

from qtp_toolkit.store.appending import append, by_pair, new_pairs
from qtp_toolkit.store.blocks import write_blocks
from qtp_toolkit.store.describing import describe, tell_replaced
from qtp_toolkit.store.joining import join
from qtp_toolkit.store.opening import open_store
from qtp_toolkit.store.stack import ingest
from qtp_toolkit.store.windows import slab_memory

__all__ = [
    "append",
    "by_pair",
    "describe",
    "ingest",
    "join",
    "new_pairs",
    "open_store",
    "slab_memory",
    "tell_replaced",
    "write_blocks",
]
