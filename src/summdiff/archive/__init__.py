"""Runs over many videos: a failing video does not stop the others, and a stopped run can be continued.

`run_jobs` (in `dispatch`) gives videos to workers one at a time: this process, processes of this machine (`workers`) or
actors of a cluster (`ray`). A `manifest` records the outcome of each video. `extracting` and `summarizing` are the two
kinds of work.
"""
