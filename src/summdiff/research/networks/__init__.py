"""SummDiff, the relational default and the baselines in torch, and their export to model folders."""

from summdiff.research import require

require("Working with networks", "torch", extra="train")
