"""Network inversion: the toolkit beside public packages, a plain loop over pixels, and what the machine can do."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import dask
import numpy as np
import peers
import xarray as xr
from common import cpu, in_child, peak_memory, row, wall

from qtp_toolkit import inversion, network
from qtp_toolkit.inversion.kernels.elimination import plan_elimination

PIXELS = 20_480
EPSILONS = tuple(np.geomspace(0.5, 0.05, 3))
PACES = (1.0, 1.9, 1.0)
MASTER = np.datetime64("2018-08-31")
QUICK = {"reweightings": 2, "epsilon": (0.3, 0.1), "relaxation": 1.5}
"""L1 with a solve less than by default: an error between that of the default and that of dolphin."""
MISSING = 0.3
"""Share of pairs that are left out to see what gaps cost."""


def paper_dates() -> np.ndarray:
    """117 of the 123 nominal acquisitions, so that the paper's rule gives its 466 pairs."""
    early = np.arange("2014-10-13", "2017-03-01", 24, dtype="datetime64[D]")
    dates = np.concatenate([early, np.arange(early[-1] + 12, "2020-01-01", 12, dtype="datetime64[D]")])
    return np.delete(dates, np.arange(0, dates.size, 22)).astype("datetime64[ns]")


def paper_stack(n_pixels: int, rng: np.random.Generator) -> tuple[xr.DataArray, xr.DataArray, np.ndarray]:
    """Pairs by the paper's rules with 3 % cycle errors that prefer low coherence, and the true phases."""
    dates = paper_dates()
    pairs = network.select_pairs(dates)
    first, second = (np.searchsorted(dates, pairs[name].values) for name in ("reference", "secondary"))
    truth = np.cumsum(rng.normal(0, 0.4, (dates.size, n_pixels)), axis=0).astype(np.float32)
    coherence = rng.uniform(0.2, 0.95, (first.size, n_pixels)).astype(np.float32)
    noise = rng.normal(0, 1, coherence.shape) * np.sqrt((1 - coherence**2) / (2 * 57 * coherence**2))
    likely = 1 - coherence
    slips = (rng.random(coherence.shape) < 0.03 * likely / likely.mean()) * rng.choice([-1, 1], coherence.shape)
    phase = truth[second] - truth[first] + noise + 2 * np.pi * slips
    coords = {"reference": ("pair", dates[first]), "secondary": ("pair", dates[second])}
    attrs = {"dims": ("pair", "pixel"), "coords": coords}
    stack = xr.DataArray(phase.astype(np.float32), name="phase", **attrs).assign_attrs(units="rad")
    gamma = xr.DataArray(coherence, name="coherence", **attrs).assign_attrs(units="1")
    return stack, gamma, truth


def loop_inversion(
    phase: np.ndarray, weight: np.ndarray, matrix: np.ndarray, epsilons: tuple[float, ...]
) -> np.ndarray:
    """Weighted least squares, then reweighted with each epsilon and pace, pixel by pixel with numpy's lstsq."""
    out = np.zeros((matrix.shape[1] + 1, phase.shape[1]))
    for i in range(phase.shape[1]):
        root = np.sqrt(weight[:, i])
        out[1:, i] = np.linalg.lstsq(root[:, None] * matrix, root * phase[:, i], rcond=None)[0]
        for epsilon, pace in zip(epsilons, PACES, strict=False):
            misfit = phase[:, i] - matrix @ out[1:, i]
            root = np.sqrt(weight[:, i] / np.maximum(abs(misfit), epsilon))
            out[1:, i] += pace * np.linalg.lstsq(root[:, None] * matrix, root * misfit, rcond=None)[0]
    return out


def ours_alone(folder: str, norm: str, options: dict[str, Any]) -> tuple[np.ndarray, float]:
    """What the toolkit finds on the arrays in a folder, and the peak memory of a fresh process in MB."""
    arrays = {name: np.load(Path(folder) / f"{name}.npy") for name in ("phase", "coherence", "first", "second")}
    dates = paper_dates()
    coords = {"reference": ("pair", dates[arrays["first"]]), "secondary": ("pair", dates[arrays["second"]])}
    stack, gamma = (
        xr.DataArray(arrays[name], dims=("pair", "pixel"), coords=coords, name=name, attrs={"units": unit})
        for name, unit in (("phase", "rad"), ("coherence", "1"))
    )
    return inversion.invert(stack, gamma, norm=norm, **options)["phase"].values, peak_memory()


def threaded(stack: xr.DataArray, gamma: xr.DataArray) -> tuple[float, float]:
    """Pixels a second of the wall clock on two dask threads and on one, in turn.

    Four stacks in blocks of 2048 pixels; only a mean leaves the blocks, so that nothing is put together on one thread.
    """
    many, weight = (xr.concat([da] * 4, dim="pixel").chunk(pair=-1, pixel=2048) for da in (stack, gamma))
    spent: dict[int, list[float]] = {2: [], 1: []}
    for _ in range(6):
        for threads, seconds in spent.items():
            with dask.config.set(scheduler="threads", num_workers=threads):
                lazy = inversion.invert(many, weight)["temporal_coherence"].mean()
                seconds.append(wall(lazy.compute, repeat=1))
    return many.sizes["pixel"] / min(spent[2]), many.sizes["pixel"] / min(spent[1])


def machine() -> tuple[float, float]:
    """Floating-point operations a CPU-second (float32 matrix product) and bytes a CPU-second (copy) of this machine."""
    a = np.ones((1536, 1536), np.float32)
    source, target = np.ones(2**26, np.float32), np.ones(2**26, np.float32)
    return 2 * 1536**3 / cpu(lambda: a @ a), 2 * source.nbytes / cpu(lambda: np.copyto(target, source))


def operations(first: np.ndarray, second: np.ndarray, n_dates: int, zero: int, solves: int) -> int:
    """Multiplications and additions for one pixel."""
    plan = plan_elimination(n_dates, first, second, zero)
    edges, pairs = len(plan.neighbor), len(plan.pair)
    return solves * (2 * len(plan.target) + 6 * edges + 8 * pairs)


def rows(rng: np.random.Generator) -> list[dict[str, object]]:
    stack, gamma, truth = paper_stack(PIXELS, rng)
    dates = paper_dates()
    first, second = (np.searchsorted(dates, stack[name].values) for name in ("reference", "secondary"))
    zero = int(np.argmin(abs(dates - MASTER)))
    size = f"{stack.sizes['pair']} pairs, {dates.size} dates"
    table, rate, found, peak, ran = [], {}, {}, {}, {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        days = (dates - dates[0]) // np.timedelta64(1, "D")
        arrays = {"phase": stack.values, "coherence": gamma.values, "first": first, "second": second, "days": days}
        for key, values in arrays.items():
            np.save(folder / f"{key}.npy", values)
        for key, options in {"l1": {}, "quick": QUICK, "wl2": {}, "l2": {}}.items():
            norm = "l1" if key == "quick" else key
            rate[key] = PIXELS / cpu(lambda n=norm, o=options: inversion.invert(stack, gamma, norm=n, **o), repeat=5)
            (found[key], peak[key]), *_ = in_child(ours_alone, name, norm, options)
        for peer, norm, words in (
            ("dolphin", "l1", "L1 (dolphin: ADMM, unweighted)"),
            ("dolphin", "quick", "L1 of two reweightings (dolphin: ADMM, unweighted)"),
            ("mintpy", "wl2", "weighted L2 (MintPy)"),
            ("insar-rs", "l2", "L2 (insar-rs)"),
        ):
            done = ran[peer] = ran.get(peer) or peers.measure(peer, folder)
            if isinstance(done, str):
                table.append(row(words, "pixels", rate[norm], float("nan"), f"{peer} did not run: {done}"))
                continue
            n = done["pixels"]
            same = _words("ours", found[norm][:, :n], truth, zero, peak[norm])
            theirs = _words(peer, np.load(folder / f"{peer}.npy"), truth, zero, done["peak"])
            table.append(row(words, "pixels", rate[norm], n / done["seconds"], f"{same}; {theirs}"))
    few = 40
    matrix = network.incidence_matrix(stack).values[:, 1:]
    observed, weight = stack.values[:, :few].astype(float), gamma.values[:, :few].astype(float)
    for words, norm, epsilons in (("L1 (numpy loop)", "l1", EPSILONS), ("weighted L2 (numpy loop)", "wl2", ())):
        plain = few / cpu(lambda e=epsilons: loop_inversion(observed, weight, matrix, e), repeat=1)
        slow = _words("loop", loop_inversion(observed, weight, matrix, epsilons), truth, zero)
        same = _words("ours", found[norm][:, :few], truth, zero)
        table.append(row(f"{words}, {size}", "pixels", rate[norm], plain, f"{same}; {slow}"))
    holes = gamma.where(xr.DataArray(rng.random(gamma.shape) >= MISSING, dims=gamma.dims))
    with_holes = PIXELS / cpu(lambda: inversion.invert(stack, holes), repeat=5)
    words = f"L1 with {MISSING:.0%} of the pairs missing; other: none"
    table.append(row(words, "pixels", with_holes, rate["l1"], "both the toolkit"))
    two, one = threaded(stack, gamma)
    table.append(row("L1 on two dask threads; other: on one", "pixels", two, one, "both the toolkit", per="second"))
    flops, bandwidth = machine()
    own = operations(first, second, dates.size, zero, 1 + len(EPSILONS)) * rate["l1"]
    read = 8 * stack.sizes["pair"] * rate["l1"]
    table.append(row("L1 against a float32 matrix product", "Gflop", own / 1e9, flops / 1e9, f"{own / flops:.0%}"))
    table.append(row("L1 reading against a copy", "GB", read / 1e9, bandwidth / 1e9, f"{read / bandwidth:.0%}"))
    return table


def _words(who: str, found: np.ndarray, truth: np.ndarray, zero: int, peak: float | None = None) -> str:
    median, beyond = peers.errors(found, truth, zero)
    memory = "" if peak is None else f", {peak:,.0f} MB"
    return f"{who}: median error {median:.3f} rad, P(>pi) {beyond:.2%}{memory}"
