"""The shipped model, which tests of scoring share."""

import pytest

from summdiff.scoring import load_model


@pytest.fixture(scope="session")
def model():
    """The shipped model: what users get."""
    return load_model("default")
