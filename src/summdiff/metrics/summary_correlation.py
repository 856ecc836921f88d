"""Rank correlation of binary summaries by the two protocols of SumMe, from counts instead of pairs of frames.

A summary has only two values, so nothing is sorted. With another summary, tau-b and rho both equal the phi coefficient.
With a reference of ranks r, concordant minus discordant pairs are 2 R - k (n + 1), where R is the sum of r over the
summary's k frames (Mann and Whitney, 1947), and rho is the correlation with r. Only k and R of a summary are needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff.metrics.rank import average_ranks


def phi(shared: ArrayLike, sizes: ArrayLike, totals: ArrayLike, n_frames: int) -> NDArray[np.float64]:
    """Return tau-b, which equals rho, of K summaries with U others.

    Args:
        shared: (K, U) frames in both.
        sizes: (K,) frames in each summary.
        totals: (U,) frames in each of the others.
        n_frames: frames of the video.

    Returns:
        (K, U) in [-1, 1]; 0 where undefined, for a summary that is empty or the whole video.
    """
    k = np.asarray(sizes, dtype=np.float64)[:, None]
    u = np.asarray(totals, dtype=np.float64)
    scale = np.sqrt(k * (n_frames - k)) * np.sqrt(u * (n_frames - u))
    above = n_frames * np.asarray(shared, dtype=np.float64) - k * u
    return np.asarray(np.divide(above, scale, out=np.zeros_like(scale), where=scale > 0))


@dataclass(frozen=True, slots=True)
class RankedReference:
    """A ranked reference (n,) to correlate summaries with.

    Attributes:
        ranks: (n,) mean ranks, 1 to n.
        untied: number of pairs of frames with different values.
    """

    ranks: NDArray[np.float64]
    untied: float

    @classmethod
    def of(cls, reference: ArrayLike) -> RankedReference:
        """Rank a reference, for instance the mean of the annotators' summaries."""
        values = np.asarray(reference)
        _, counts = np.unique(values, return_counts=True)
        n = len(values)
        return cls(average_ranks(values), (n * (n - 1) - float((counts * (counts - 1.0)).sum())) / 2)

    def correlate(self, rank_sums: ArrayLike, sizes: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return tau-b and rho (K,) of summaries with this reference; 0 where undefined.

        Args:
            rank_sums: (K,) sum of `ranks` over each summary's frames.
            sizes: (K,) frames in each summary.
        """
        n = len(self.ranks)
        k, total = np.asarray(sizes, dtype=np.float64), np.asarray(rank_sums, dtype=np.float64)
        above = total - k * (n + 1) / 2  # half of concordant minus discordant pairs, and n times the covariance
        cross_pairs = k * (n - k)
        tau_scale = np.sqrt(cross_pairs) * np.sqrt(self.untied)
        rho_scale = np.sqrt(cross_pairs / n) * np.sqrt(((self.ranks - (n + 1) / 2) ** 2).sum())
        return (
            np.divide(2 * above, tau_scale, out=np.zeros_like(above), where=tau_scale > 0),
            np.divide(above, rho_scale, out=np.zeros_like(above), where=rho_scale > 0),
        )
