"""Segments on a video's time line: overlap, targets, codes and losses of detectors.

After DSNet (Zhu et al., IEEE TIP 2020), on which A2Summ and iPTNet build. A segment is [start, end) in steps; step i
lies at [i, i + 1). All boxes are (..., 2), start and end.

Shapes: B videos, N steps, K boxes, S segments to find, A anchors at each step.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

POSITIVE, INCOMPLETE = 0.6, 0.3  # overlaps of anchors: above the one, up to the other
NEGATIVES, INCOMPLETES = 2, 1  # sampled for each positive anchor


def overlap(boxes: Tensor, others: Tensor) -> Tensor:
    """Return the intersection over union (K, S) of boxes (K, 2) with others (S, 2), in [0, 1]; 0 if both are empty."""
    starts, ends = boxes[:, None, 0], boxes[:, None, 1]
    shared = (torch.minimum(ends, others[:, 1]) - torch.maximum(starts, others[:, 0])).clamp(min=0)
    whole = (ends - starts) + (others[:, 1] - others[:, 0]) - shared
    return torch.where(whole > 0, shared / whole, 0.0)


def segments_of(keyshots: Tensor) -> Tensor:
    """Return the runs (S, 2) of values above one half in a curve (N,), as segments."""
    inside = F.pad((keyshots > 0.5).int(), (1, 1))
    turns = inside.diff()
    return torch.stack([(turns == 1).nonzero()[:, 0], (turns == -1).nonzero()[:, 0]], dim=1)


# Without anchors: distances of each step to both ends


def distances(keyshots: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distances (B, N) of each step to the first and to the last step of its segment; -1 outside.

    Args:
        keyshots: (B, N) above one half within segments.
    """
    inside = keyshots > 0.5
    place = torch.arange(inside.shape[1], device=inside.device).expand(inside.shape)
    before = torch.where(inside, -1, place).cummax(dim=1).values  # the last step outside
    after = torch.where(inside, inside.shape[1], place).flip(1).cummin(dim=1).values.flip(1)
    left, right = place - before - 1, after - place - 1
    return torch.where(inside, left, -1), torch.where(inside, right, -1)


def boxes_around(left: Tensor, right: Tensor, steps: Tensor) -> Tensor:
    """Return the boxes (B, N, 2) of steps at these distances (B, N) from their ends, cut to videos of `steps` (B,)."""
    place = torch.arange(left.shape[1], device=left.device)
    return within(torch.stack([place - left, place + right + 1], dim=-1), steps)


def within(boxes: Tensor, steps: Tensor) -> Tensor:
    """Return boxes (B, ..., 2) cut to their videos' steps (B,)."""
    ends = steps.to(boxes.dtype).reshape(-1, *[1] * (boxes.ndim - 1))
    return torch.minimum(boxes.clamp(min=0), ends)


def centreness(left: Tensor, right: Tensor) -> Tensor:
    """Return how central a step is in its segment, in [0, 1]: min / max of its distances, without FCOS's square root.

    It is 0 at both ends of a segment, hence in segments of one step.
    """
    return torch.minimum(left, right) / (torch.maximum(left, right) + 1e-8)


def focal(logits: Tensor, inside: Tensor) -> Tensor:
    """Return the focal loss of each step, (1 - p)^2 (-log p), with p the probability of the true class.

    Public code weights the two channels of a one-hot target by a and 1 - a and adds them, so a cancels.
    """
    signed = torch.where(inside, logits, -logits)
    return -F.logsigmoid(signed) * torch.sigmoid(-signed).square()


def overlap_loss(left: Tensor, right: Tensor, true_left: Tensor, true_right: Tensor) -> Tensor:
    """Return -log of the overlap of the boxes [-left, right] and [-true_left, true_right].

    As published, the step itself has no length here: a segment of one step has overlap 0 with any box, and its loss is
    a constant.
    """
    shared = torch.minimum(left, true_left) + torch.minimum(right, true_right)
    whole = torch.maximum(left, true_left) + torch.maximum(right, true_right)
    return -(shared / whole.clamp(min=1e-8)).clamp(min=1e-8).log()


# With anchors: boxes of a few widths around each step are moved and stretched


def anchors(steps: int, widths: Sequence[int], *, device: torch.device) -> Tensor:
    """Return boxes (N, A, 2) of these widths around the start of each step; some reach beyond the video."""
    half = torch.tensor(widths, device=device, dtype=torch.float32) / 2
    place = torch.arange(steps, device=device, dtype=torch.float32)[:, None]
    return torch.stack([place - half, place + half], dim=-1)


def encode(boxes: Tensor, around: Tensor) -> Tensor:
    """Return the codes (..., 2) of boxes relative to anchors: offset of the center in widths, log ratio of widths."""
    width, wanted = around[..., 1] - around[..., 0], boxes[..., 1] - boxes[..., 0]
    offset = (boxes.sum(dim=-1) - around.sum(dim=-1)) / (2 * width)
    return torch.stack([offset, (wanted / width).log()], dim=-1)


def decode(codes: Tensor, around: Tensor) -> Tensor:
    """Return the boxes (..., 2) of codes (..., 2) relative to anchors (..., 2); inverse of `encode`."""
    width = around[..., 1] - around[..., 0]
    centre = around.mean(dim=-1) + codes[..., 0] * width
    half = codes[..., 1].clamp(max=20.0).exp() * width / 2  # no infinite boxes
    return torch.stack([centre - half, centre + half], dim=-1)


def match(around: Tensor, segments: Tensor, *, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Choose positive anchors (K, 2), each with one of the segments (S, 2), and negative ones.

    An anchor is positive if it overlaps a segment by more than 0.6. For each positive one, two anchors are drawn that
    touch no segment, and one "incomplete" that overlaps one by at most 0.3.

    Returns:
        Indices of the positive anchors, the segment of each (its best), and indices of the negative ones drawn; all
        empty if there is no positive anchor.
    """
    if not len(segments):
        return (torch.zeros(0, dtype=torch.long, device=around.device),) * 3
    best, which = overlap(around, segments.to(around.dtype)).max(dim=1)
    positive = (best > POSITIVE).nonzero()[:, 0]
    generator = torch.Generator().manual_seed(seed)
    drawn = []
    for candidates, each in (((best == 0), NEGATIVES), ((best > 0) & (best <= INCOMPLETE), INCOMPLETES)):
        found = candidates.nonzero()[:, 0]
        chosen = torch.randperm(len(found), generator=generator)[: each * len(positive)]
        drawn.append(found[chosen.to(found.device)])
    return positive, which[positive], torch.cat(drawn)
