"""Choosing shots under a time budget."""

from summdiff.selection.budget import Choice, Value, best_window, choose
from summdiff.selection.knapsack import knapsack

__all__ = ["Choice", "Value", "best_window", "choose", "knapsack"]
