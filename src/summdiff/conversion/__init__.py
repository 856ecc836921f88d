"""From videos and annotations to one HDF5 file with the field's common keys: TVSum or SumMe for any backbone.

    from summdiff.conversion import convert
    made = convert(sorted(Path("video").iterdir()), Path("ydata-tvsum50-anno.tsv"), Path("tvsum.h5"))
    made.problems

`convert` goes through the videos; `matching` finds what belongs together, `look` decodes, `segments` and `labels` work
out what is written.
"""

from summdiff.conversion.convert import Conversion, Outcome, convert
from summdiff.conversion.matching import Kind

__all__ = ["Conversion", "Kind", "Outcome", "convert"]
