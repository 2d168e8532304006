"""Normal equations of the yearly model: rate, constant, coefficients of the years, and losses, eliminated last.

All but the losses are linear in them, so whatever is known of the losses, mean and covariance, gives the rest at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qtp_toolkit.kernels import lstsq

ALMOST = 1e-9
"""Share of its length that is added to a loss which nothing tells apart from the rest."""


class Normal(NamedTuple):
    """Normal equations; B = 2 + Y columns but the losses, Y losses, P pixels."""

    base: np.ndarray
    """(B, B, P)."""
    cross: np.ndarray
    """(B, Y, P)."""
    late: np.ndarray
    """(Y, Y, P)."""
    right: np.ndarray
    """(B + Y, P)."""


def assemble(sums: np.ndarray) -> Normal:
    """Put the normal equations of the whole model together from the products of each year."""
    from qtp_toolkit.pecm.kernels.year_sums import PLACE  # noqa: PLC0415  (compiles)

    years, pixels = len(sums) - 1, sums.shape[2]
    total, of = sums.sum(axis=0), {name: sums[1:, place] for name, place in PLACE.items()}
    base, cross = np.zeros((2 + years, 2 + years, pixels)), np.zeros((2 + years, years, pixels))
    late, right = np.zeros((years, years, pixels)), np.zeros((2 + 2 * years, pixels))
    base[0, 0], base[1, 1] = total[PLACE["LL"]], total[PLACE["11"]]
    base[0, 1] = base[1, 0] = total[PLACE["1L"]]
    right[0], right[1], right[2 : 2 + years] = total[PLACE["yL"]], total[PLACE["y1"]], of["yI"]
    for n in range(years):
        d = 2 + n
        base[0, d] = base[d, 0] = of["IL"][n]
        base[1, d] = base[d, 1] = of["1I"][n]
        base[d, d] = of["II"][n]
        # A loss is a ramp in its own year and a constant in all later ones.
        cross[0, n] = of["RL"][n] + of["1L"][n + 1 :].sum(axis=0)
        cross[1, n] = of["R1"][n] + of["11"][n + 1 :].sum(axis=0)
        cross[d, n], cross[d + 1 :, n] = of["RI"][n], of["1I"][n + 1 :]
        late[n, n] = of["RR"][n] + of["11"][n + 1 :].sum(axis=0)
        for earlier in range(n):
            late[n, earlier] = late[earlier, n] = cross[1, n]
        right[2 + years + n] = of["yR"][n] + of["y1"][n + 1 :].sum(axis=0)
    return Normal(base, cross, late, right)


def dates_around(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Dates (Y, P) before the last part of each thaw season, and with half of it or more behind them."""
    all_of = counts[:, 0].cumsum(axis=0)
    return all_of[:-1] + counts[1:, 2], all_of[-1] - all_of[1:] + counts[1:, 3]


def leave_out(normal: Normal, there: np.ndarray, possible: np.ndarray) -> Normal:
    """Take columns out that no date tells: 1 on the diagonal, 0 beside it, so that their unknowns are 0."""
    base, cross, late, right = (a.copy() for a in normal)
    years = len(there)
    for n in range(years):
        base[2 + n, 2 + n] = np.where(there[n], base[2 + n, 2 + n], 1.0)
        cross[:, n] = np.where(possible[n], cross[:, n], 0.0)
        diagonal = np.where(possible[n], late[n, n], 1.0)
        late[n] = np.where(possible[n], late[n], 0.0)
        late[:, n] = np.where(possible[n], late[:, n], 0.0)
        late[n, n] = diagonal
        right[2 + years + n] = np.where(possible[n], right[2 + years + n], 0.0)
    return Normal(base, cross, late, right)


class Eliminated(NamedTuple):
    """The losses alone: what is left once all other unknowns follow them."""

    inverse: np.ndarray
    """(B, B, P) of the base."""
    condition: np.ndarray
    plain: np.ndarray
    """(B, P) the base without any loss."""
    follows: np.ndarray
    """(B, Y, P) what a loss of 1 takes from the base."""
    scatter: np.ndarray
    """(Y, Y, P)."""
    right: np.ndarray
    """(Y, P)."""


def eliminate(normal: Normal, penalty: np.ndarray | None = None) -> Eliminated:
    """Eliminate all but the losses; ``penalty`` (B, B, P) is the information of a prior."""
    size = len(normal.base)
    inverse, condition = lstsq.invert(normal.base if penalty is None else normal.base + penalty)
    plain = np.einsum("ijp,jp->ip", inverse, normal.right[:size])
    follows = np.einsum("ijp,jnp->inp", inverse, normal.cross)
    scatter = normal.late - np.einsum("inp,imp->nmp", normal.cross, follows)
    right = normal.right[size:] - np.einsum("inp,ip->np", normal.cross, plain)
    return Eliminated(inverse, condition, plain, follows, scatter, right)


def solve_freely(normal: Normal) -> np.ndarray:
    """All unknowns (B + Y, P) without a prior: what residuals are taken from."""
    part, diagonal = eliminate(normal), range(normal.late.shape[0])
    ridge = part.scatter.copy()
    ridge[diagonal, diagonal] += ALMOST * normal.late[diagonal, diagonal]
    losses = np.einsum("nmp,mp->np", lstsq.invert(ridge)[0], part.right)
    return np.concatenate([part.plain - np.einsum("inp,np->ip", part.follows, losses), losses])


def excess(normal: Normal, step: np.ndarray) -> np.ndarray:
    """How much the squares grow (P,) by a step (B + Y, P) away from their minimum."""
    base, late = step[: len(normal.base)], step[len(normal.base) :]
    return (
        np.einsum("ip,ijp,jp->p", base, normal.base, base)
        + 2.0 * np.einsum("ip,inp,np->p", base, normal.cross, late)
        + np.einsum("np,nmp,mp->p", late, normal.late, late)
    )
