"""Everything summdiff raises on purpose.

Each error's text is one sentence that a user can act on: what is wrong, with what, what to do. The command line
prints exactly that sentence; only errors outside this family are bugs and show a traceback.
"""


def reason(error: Exception) -> str:
    """Return why a file cannot be used, on one line: the text of an error without number, path and final period."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not a text in UTF-8"
    if isinstance(error, FileExistsError):
        return "there is a file of this name"
    text = error.args[0] if isinstance(error, KeyError) and error.args else error
    return (getattr(error, "strerror", None) or " ".join(str(text).split()) or type(error).__name__).rstrip(".")


class SummdiffError(Exception):
    """Base of all errors that summdiff raises on purpose."""


class UsageError(SummdiffError):
    """An option or argument has a value that cannot be used."""


class VideoError(SummdiffError):
    """A video cannot be read, has no picture, or breaks off before anything was decoded."""


class OutputError(SummdiffError):
    """A result cannot be written where it was asked for."""


class BackboneError(SummdiffError):
    """A feature extractor is unknown, or its library or weights are missing."""


class ModelError(SummdiffError):
    """A model is unknown, damaged, or was made for other features."""


class DataError(SummdiffError):
    """A data set, summary or recipe file does not have the form it should have."""


class ArchiveError(SummdiffError):
    """A run over many videos cannot begin or go on: its folder is in use, or its workers do not start."""


class WorkerError(SummdiffError):
    """A worker process exited unexpectedly."""
