"""Surfaces from the gradients of a wrapped phase, by cosine transforms. Arrays in, arrays out."""

from __future__ import annotations

import numpy as np
from scipy.fft import dctn, idctn
from scipy.ndimage import correlate1d

BLOCK = 8
"""Pixels along the side of the blocks of a trend."""


def wrap(phase: np.ndarray) -> np.ndarray:
    """Phase in -pi..pi (rad)."""
    return np.angle(np.exp(1j * phase))


def unwrap_least_squares(
    wrapped: np.ndarray, weight: np.ndarray, *, iterations: int = 50, tolerance: float = 1e-4
) -> np.ndarray:
    """Weighted least-squares unwrapping (Ghiglia and Romero 1994), made congruent with the wrapped phase.

    At the end the solution is moved by less than half a cycle so that it differs from the wrapped phase by whole
    cycles.

    Parameters
    ----------
    wrapped : (y, x) array
        rad, not finite where missing.
    weight : (y, x) array
        0 or more, NaN counts as 0; missing pixels get zero.
    iterations, tolerance
        As of :func:`integrate`.

    Returns
    -------
    (y, x) array
        rad; NaN where missing. An additive multiple of 2 pi is arbitrary.
    """
    hole = ~np.isfinite(wrapped)
    weight = np.where(hole, 0.0, np.nan_to_num(weight))
    # A link is as good as the worse of its two pixels; squared, as weights of the sum of squares.
    links = [np.minimum(weight[1:], weight[:-1]) ** 2, np.minimum(weight[:, 1:], weight[:, :-1]) ** 2]
    filled = np.where(hole, 0.0, wrapped)
    # Wrapped differences are the true ones wherever the phase changes by less than half a cycle from pixel to pixel.
    slopes = [wrap(np.diff(filled, axis=axis)) for axis in (0, 1)]
    solution = integrate(slopes, links, iterations=iterations, tolerance=tolerance)
    # The mean of a solution is arbitrary: shifted to the wrapped phase first, else rounding would cut at random.
    closest = np.angle((weight * np.exp(1j * (filled - solution))).sum())
    cycles = np.rint((solution + closest - filled) / (2 * np.pi))
    return np.where(hole, np.nan, filled + 2 * np.pi * cycles)


def trend(image: np.ndarray, *, block: int = BLOCK) -> np.ndarray:
    """Smooth surface that follows the fringes: what is left without it changes slowly from pixel to pixel.

    The mean phase steps of blocks, each smoothed with its neighbours, are integrated by least squares, weighted by how
    well the steps of a block agree, and the sums drawn as planes between the middles of blocks. Taking any one surface
    out and adding it again leaves a phase congruent; but a solver of flows has far fewer residues to pair where
    fringes of nearly half a cycle a pixel are gone.

    Parameters
    ----------
    image : (y, x) complex array
        0 where missing; steps count by the product of their amplitudes, so 1 elsewhere.
    block : int
        Even number of pixels.

    Returns
    -------
    (y, x) array
        rad, float32; its mean is arbitrary.
    """
    shape = tuple(-(-n // block) for n in image.shape)
    whole = np.zeros([n * block for n in shape], np.complex64)
    whole[: image.shape[0], : image.shape[1]] = image
    down, right = _block_steps(whole, block), _block_steps(whole.T, block).T
    slopes, links = [block * np.angle(step) for step in (down, right)], [abs(step) ** 2 for step in (down, right)]
    nodes = integrate(slopes, links, tolerance=1e-4).astype(np.float32)
    return _between(_between(nodes, image.shape[0], block).T, image.shape[1], block).T


def _block_steps(image: np.ndarray, block: int) -> np.ndarray:
    """Mean of ``z[k + 1] conj(z[k])`` from each block's middle to the middle of the one below it."""
    rows, columns = (n // block for n in image.shape)
    steps = (image[1:] * image[:-1].conj())[block // 2 :][: (rows - 1) * block]
    means = steps.reshape(rows - 1, block, columns, block).mean(axis=(1, 3))
    for axis in (0, 1) if means.size else ():
        means = correlate1d(means, [0.25, 0.5, 0.25], axis=axis, mode="nearest")
    return means


def _between(nodes: np.ndarray, length: int, block: int) -> np.ndarray:
    """Rows between nodes that lie in the middles of blocks; beyond the outermost ones the planes go on."""
    if len(nodes) == 1:
        return np.repeat(nodes, length, axis=0)
    nodes = np.concatenate([2 * nodes[:1] - nodes[1:2], nodes, 2 * nodes[-1:] - nodes[-2:-1]])
    place = (np.arange(length) - (block - 1) / 2) / block + 1
    before = np.floor(place).astype(int)
    share = (place - before).astype(np.float32)[:, None]
    return nodes[before] * (1 - share) + nodes[before + 1] * share


def integrate(
    slopes: list[np.ndarray], links: list[np.ndarray], *, iterations: int = 50, tolerance: float = 1e-4
) -> np.ndarray:
    """Surface whose gradients are nearest to given ones, by weighted least squares.

    Solves the weighted Poisson equation by conjugate gradients; the unweighted one, solved by a cosine transform, is
    the preconditioner. Without weights that is the solution at once.

    Parameters
    ----------
    slopes, links : list of two arrays
        Steps down (y - 1, x) and to the right (y, x - 1), and their weights, 0 or more.
    iterations : int
    tolerance : float
        Residual norm, relative to the start, at which to stop.

    Returns
    -------
    (y, x) array
        In the unit of the steps; its mean is arbitrary.
    """
    shape = slopes[1].shape[0], slopes[0].shape[1]
    residual = _divergence([link * slope for link, slope in zip(links, slopes, strict=True)], shape)
    solution, direction, before = np.zeros(shape), None, 0.0
    start = np.linalg.norm(residual)
    for _ in range(iterations):
        if np.linalg.norm(residual) <= tolerance * start:
            break
        guess = _solve_poisson(residual)
        now = float((residual * guess).sum())
        # Preconditioned conjugate gradients (Fletcher and Reeves).
        direction = guess if direction is None else guess + (now / before) * direction
        image = _divergence([link * np.diff(direction, axis=axis) for axis, link in enumerate(links)], shape)
        step = now / float((direction * image).sum())
        solution, residual, before = solution + step * direction, residual - step * image, now
    return solution


def _divergence(flows: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Sum of what flows out of each pixel: minus the discrete Laplacian, where the flows are gradients."""
    out = np.zeros(shape)
    down, right = flows
    out[:-1] -= down
    out[1:] += down
    out[:, :-1] -= right
    out[:, 1:] += right
    return out


def _solve_poisson(source: np.ndarray) -> np.ndarray:
    """Solve for the field whose negative Laplacian (no flow through the edge) is the source; its mean is zero."""
    angles = [np.pi * np.arange(n) / n for n in source.shape]
    eigenvalues = 4 - 2 * np.cos(angles[0])[:, None] - 2 * np.cos(angles[1])[None, :]
    # The mean, which no gradient knows: 0 / 0 otherwise.
    eigenvalues[0, 0] = 1.0
    spectrum = dctn(source, norm="ortho") / eigenvalues
    spectrum[0, 0] = 0.0
    return idctn(spectrum, norm="ortho")
