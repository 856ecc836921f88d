"""What detectors of segments share: overlap, targets, codes and losses on the time line of a video.

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
    """Intersection over union (K, S), in [0, 1], of boxes (K, 2) with others (S, 2); 0 where both are empty."""
    starts, ends = boxes[:, None, 0], boxes[:, None, 1]
    shared = (torch.minimum(ends, others[:, 1]) - torch.maximum(starts, others[:, 0])).clamp(min=0)
    whole = (ends - starts) + (others[:, 1] - others[:, 0]) - shared
    return torch.where(whole > 0, shared / whole, 0.0)


def segments_of(keyshots: Tensor) -> Tensor:
    """The runs (S, 2) of a curve's values above one half, as segments, of a curve (N,)."""
    inside = F.pad((keyshots > 0.5).int(), (1, 1))
    turns = inside.diff()
    return torch.stack([(turns == 1).nonzero()[:, 0], (turns == -1).nonzero()[:, 0]], dim=1)


# Without anchors: each step says how far it is to both ends


def distances(keyshots: Tensor) -> tuple[Tensor, Tensor]:
    """From each step of a segment to its first and its last step, both (B, N), in steps; -1 outside.

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
    """The boxes (B, N, 2) of steps with such distances (B, N) to their ends, cut to videos of `steps` (B,)."""
    place = torch.arange(left.shape[1], device=left.device)
    return within(torch.stack([place - left, place + right + 1], dim=-1), steps)


def within(boxes: Tensor, steps: Tensor) -> Tensor:
    """Boxes (B, ..., 2) cut to their videos' steps (B,)."""
    ends = steps.to(boxes.dtype).reshape(-1, *[1] * (boxes.ndim - 1))
    return torch.minimum(boxes.clamp(min=0), ends)


def centreness(left: Tensor, right: Tensor) -> Tensor:
    """How central a step is in its segment, in [0, 1]: min / max of its distances, without the square root of FCOS.

    It is 0 at both ends of a segment, so also in segments of one step.
    """
    return torch.minimum(left, right) / (torch.maximum(left, right) + 1e-8)


def focal(logits: Tensor, inside: Tensor) -> Tensor:
    """The focal loss of each step, (1 - p)^2 (-log p), p being the probability of what is true there.

    Public code weighs the two channels of a one-hot target by a and 1 - a, and adds them: a falls out.
    """
    signed = torch.where(inside, logits, -logits)
    return -F.logsigmoid(signed) * torch.sigmoid(-signed).square()


def overlap_loss(left: Tensor, right: Tensor, true_left: Tensor, true_right: Tensor) -> Tensor:
    """-log of the overlap of the boxes [-left, right] and [-true_left, true_right].

    As published, the step itself has no length here: a segment of one step has overlap 0 with any box, and its loss is
    a constant.
    """
    shared = torch.minimum(left, true_left) + torch.minimum(right, true_right)
    whole = torch.maximum(left, true_left) + torch.maximum(right, true_right)
    return -(shared / whole.clamp(min=1e-8)).clamp(min=1e-8).log()


# With anchors: boxes of a few widths around each step are moved and stretched


def anchors(steps: int, widths: Sequence[int], *, device: torch.device) -> Tensor:
    """Boxes (N, A, 2) of these widths around the start of each step; some reach beyond the video."""
    half = torch.tensor(widths, device=device, dtype=torch.float32) / 2
    place = torch.arange(steps, device=device, dtype=torch.float32)[:, None]
    return torch.stack([place - half, place + half], dim=-1)


def encode(boxes: Tensor, around: Tensor) -> Tensor:
    """What turns anchors (..., 2) into boxes (..., 2): offset of the centre in widths, and log ratio of widths."""
    width, wanted = around[..., 1] - around[..., 0], boxes[..., 1] - boxes[..., 0]
    offset = (boxes.sum(dim=-1) - around.sum(dim=-1)) / (2 * width)
    return torch.stack([offset, (wanted / width).log()], dim=-1)


def decode(codes: Tensor, around: Tensor) -> Tensor:
    """The boxes (..., 2) that codes (..., 2) make of anchors (..., 2); the reverse of `encode`."""
    width = around[..., 1] - around[..., 0]
    centre = around.mean(dim=-1) + codes[..., 0] * width
    half = codes[..., 1].clamp(max=20.0).exp() * width / 2  # no infinite boxes
    return torch.stack([centre - half, centre + half], dim=-1)


def match(around: Tensor, segments: Tensor, *, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Which anchors (K, 2) are to find which of the segments (S, 2), and which are to find nothing.

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
