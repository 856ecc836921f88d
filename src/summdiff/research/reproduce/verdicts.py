"""Whether a claim of the paper holds in what was measured: decided by intervals, not by which number is larger.

A claim is confirmed where the 95 % intervals of the paired differences that it needs all lie above zero, contrary where
one of them lies below, and not confirmed in between. "No worse" allows for a margin that is stated beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from summdiff.evaluation import PairedDifference

MARGIN = 0.01  # of tau; one point of F1, MAP or mAP in per cent

Status = Literal["confirmed", "not confirmed", "contrary"]


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the measurements on one data set say of a claim.

    Attributes:
        status: by the data set's own measure.
        numbers: what it rests on, to read.
        by_measure: the status by each measure.
    """

    status: Status
    numbers: str
    by_measure: Mapping[str, Status]


def ahead(differences: Sequence[PairedDifference]) -> Status:
    """Of "it is better than each of these": the first less the other, one difference for each.

    Confirmed: all intervals above 0. Contrary: one below.
    """
    if not differences:
        return "not confirmed"
    if any(difference.mean.high < 0 for difference in differences):
        return "contrary"
    return "confirmed" if all(difference.mean.low > 0 for difference in differences) else "not confirmed"


def not_behind(differences: Sequence[PairedDifference]) -> Status:
    """Of "it is no worse than each of these", by more than `MARGIN`.

    Confirmed: all intervals above -MARGIN. Contrary: one below 0.
    """
    if not differences:
        return "not confirmed"
    if any(difference.mean.high < 0 for difference in differences):
        return "contrary"
    return "confirmed" if all(difference.mean.low > -MARGIN for difference in differences) else "not confirmed"


def both(statuses: Sequence[Status]) -> Status:
    """Of a claim that has several parts or was looked at on several data sets: the worst of them."""
    if not statuses:
        return "not confirmed"
    order: tuple[Status, ...] = ("contrary", "not confirmed", "confirmed")
    return min(statuses, key=order.index)
