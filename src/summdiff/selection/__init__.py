"""Choosing shots under a time budget."""

from summdiff.selection.alternatives import Other, alternatives, shared
from summdiff.selection.budget import Choice, Shots, Value, best_window, choose
from summdiff.selection.knapsack import knapsack

__all__ = ["Choice", "Other", "Shots", "Value", "alternatives", "best_window", "choose", "knapsack", "shared"]
