"""The same work on many videos: by processes of this machine or of a cluster, so that nothing stops the rest.

`run` (in `summdiff.archive.run`) hands out videos to workers, one at a time, and writes down what became of each.
"""
