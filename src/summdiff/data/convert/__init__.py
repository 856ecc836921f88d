"""Make one HDF5 file with the field's common keys from videos and annotations, with the features of any backbone.

from summdiff.data.convert import convert

result = convert(sorted(Path("video").iterdir()), Path("ydata-tvsum50-anno.tsv"), Path("tvsum.h5"))
result.problems
"""

from summdiff.data.convert._convert import Conversion, ConvertedVideo, convert

__all__ = ["Conversion", "ConvertedVideo", "convert"]
