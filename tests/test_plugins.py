"""Entry points of other packages: found, loaded, and refused in a sentence."""

from functools import partial

import pytest

from plugin_packages import install_plugin
from summdiff._plugins import load_plugin, plugin_names
from summdiff.errors import UsageError


@pytest.fixture
def install(tmp_path, monkeypatch):
    return partial(install_plugin, monkeypatch, tmp_path)


def test_what_a_package_registers_is_found_and_loaded(install):
    install("first", "[summdiff.exports]\nnotes = first_module:write\n", "def write(): return 'written'\n")
    assert "notes" in plugin_names("summdiff.exports")
    assert load_plugin("summdiff.exports", "notes")() == "written"


def test_a_name_that_two_packages_register_is_refused(install):
    install("first", "[summdiff.exports]\nnotes = first_module:write\n", "write = None\n")
    install("second", "[summdiff.exports]\nnotes = second_module:write\n", "write = None\n")
    with pytest.raises(UsageError, match="registered by first and second"):
        load_plugin("summdiff.exports", "notes")


def test_a_package_that_cannot_be_imported_is_named(install):
    install("first", "[summdiff.backbones]\nsharp = first_module:Sharp\n", "raise RuntimeError('no lens')\n")
    with pytest.raises(UsageError, match="package first cannot be loaded"):
        load_plugin("summdiff.backbones", "sharp")


def test_an_unknown_name_says_that_nothing_registers_it():
    with pytest.raises(UsageError, match="no installed package"):
        load_plugin("summdiff.networks", "nowhere")
