"""Check a file of annotated videos: everything that is wrong with it, and a summary of its content."""

from summdiff.data.check._check import check
from summdiff.data.check._report import FileReport, RuleCount

__all__ = ["FileReport", "RuleCount", "check"]
