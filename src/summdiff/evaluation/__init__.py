"""Scoring predictions against people, always beside what chance, an oracle and other people reach.

The measures themselves are in `summdiff.metrics`; here is which of them a data set is judged by, on which videos, with
which references, and how sure the mean over videos is.
"""
