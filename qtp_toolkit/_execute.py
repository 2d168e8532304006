"""Run one notebook in a kernel of its own, and keep what it showed as HTML."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qtp_toolkit._notebook import EarlyEnd
from qtp_toolkit._pages import write_page, write_texts

CONNECT = (
    "import os\nfrom dask.distributed import Client\nClient(os.environ['QTP_SCHEDULER'])"  # becomes dask's scheduler
)

START_SECONDS = 300
"""How long a kernel may take to start, on a machine that is busy with others."""


@dataclass
class Outcome:
    """How a notebook ended: ``status`` is done, failed or skipped; ``cell`` is where it failed.

    ``reason`` of one that is done says why it ended early.
    """

    name: str
    status: str
    seconds: float = 0.0
    reason: str = ""
    cell: str = ""


@dataclass
class Kernels:
    """The running kernels, so that an interrupted run can end them; one that only starts ends at its first cell."""

    _pids: set[int] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _over: bool = False

    def add(self, pid: int) -> None:
        """Note a kernel's process."""
        with self._lock:
            self._pids.add(pid)
        if self._over:
            self.kill()

    def discard(self, pid: int | None) -> None:
        """Forget a kernel that ended: its number may become another process's."""
        with self._lock:
            self._pids.discard(pid or -1)

    def kill(self) -> None:
        """End all kernels at once."""
        self._over = True
        with self._lock:
            for pid in self._pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)


def execute(
    path: Path,
    *,
    out: Path,
    env: dict[str, str],
    timeout: float,
    kernels: Kernels,
    on_cell: Callable[[], None],
) -> Outcome:
    """Execute the notebook at ``path`` in ``out``; its HTML goes to ``<out>/notebooks`` whether it ends well or not.

    ``timeout`` (s) is per cell. An error, a dead kernel and a cell that takes too long are failures, not exceptions.
    """
    import nbformat  # noqa: PLC0415
    from nbclient import NotebookClient  # noqa: PLC0415
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError  # noqa: PLC0415

    nb = nbformat.read(path, as_version=4)
    if env.get("QTP_SCHEDULER"):
        nb.cells.insert(0, nbformat.v4.new_code_cell(CONNECT, id="connect"))
    current: dict[str, Any] = {}
    kernel: Any = _manager()

    def started(cell: Any, cell_index: int) -> None:
        current.update(cell=f"{cell_index} ({cell.get('id', '')})", pid=kernel.provisioner.pid)
        kernels.add(current["pid"])

    client = NotebookClient(
        nb,
        km=kernel,
        timeout=timeout,
        resources={"metadata": {"path": str(out)}},
        on_cell_start=started,
        on_cell_executed=lambda **_: on_cell(),
        startup_timeout=START_SECONDS,
        iopub_timeout=60,
    )
    client.owns_km = True
    start = time.monotonic()
    outcome = Outcome(path.stem, "done")
    log = out / "notebooks" / f"{path.stem}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        with log.open("w") as stream:  # what the kernel's process says beside the notebook
            asyncio.run(client.async_execute(env=env, stdout=stream, stderr=stream))
    except CellExecutionError as error:
        if error.ename == EarlyEnd.__name__:
            outcome.reason = error.evalue
        else:
            outcome.status, outcome.reason = "failed", f"{error.ename}: {_last(error.evalue)}"
    except CellTimeoutError:
        outcome.status, outcome.reason = "failed", f"the cell took longer than {timeout:g} s"
    except DeadKernelError:
        outcome.status, outcome.reason = "failed", "the kernel died (killed, or out of memory)"
    except Exception as error:
        outcome.status, outcome.reason = "failed", f"{type(error).__name__}: {_last(str(error))}"
    kernels.discard(current.get("pid"))
    outcome.seconds = time.monotonic() - start
    if outcome.status == "failed":
        outcome.cell = current.get("cell", "")
    elif log.exists():
        log.unlink()
    prose, page = "\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown"), f"{path.stem}.html"
    write_page(nb, out / "notebooks" / page, title=path.stem)
    write_texts(path, out / "notebooks" / page, prose)
    return outcome


def _manager() -> Any:
    """Make a kernel manager that starts this interpreter, whatever other kernels the user has installed."""
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager  # noqa: PLC0415
    from jupyter_client.manager import AsyncKernelManager  # noqa: PLC0415

    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]

    class OwnKernel(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:  # noqa: ARG002
            encrypted = {"supported_encryption": ["curve"]}
            return KernelSpec(argv=argv, display_name="Python 3", language="python", metadata=encrypted)

    return AsyncKernelManager(kernel_name="python3", kernel_spec_manager=OwnKernel())


def _last(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if lines else ""


@contextmanager
def environment(values: Mapping[str, str | None]) -> Iterator[None]:
    """Set environment variables for the notebooks ("" removes, None leaves), and put everything back."""
    before = dict(os.environ)
    try:
        for key, value in values.items():
            if value == "":
                os.environ.pop(key, None)
            elif value is not None:
                os.environ[key] = value
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
