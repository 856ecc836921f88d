"""Choosing shots under a time budget."""

from summdiff.selection.budget import Value, best_window, choose_shots
from summdiff.selection.knapsack import knapsack

__all__ = ["Value", "best_window", "choose_shots", "knapsack"]
