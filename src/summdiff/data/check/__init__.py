"""Whether a file of annotated videos is what it should be, and what is in it: all problems, not only the first."""

from summdiff.data.check.file import check
from summdiff.data.check.report import Report, Rule

__all__ = ["Report", "Rule", "check"]
