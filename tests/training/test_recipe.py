from pathlib import Path

import pytest

from summdiff.errors import DataError, UsageError
from summdiff.training.recipe import read_recipe

RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.name)
def test_our_recipes_are_valid(path):
    assert read_recipe(path).name == path.stem


def test_overrides(recipe_file):
    recipe = read_recipe(recipe_file, ["network.width=32", "diffusion.p_uncond=0.2", "select=best", "network.width=64"])
    assert recipe.network.width == 64
    assert recipe.diffusion.p_uncond == 0.2
    assert recipe.select == "best"
    assert recipe.network.heads == 2  # the rest of the section stays


@pytest.mark.parametrize(
    ("override", "error", "said"),
    [
        ("epochs", UsageError, "write key=value"),
        ("=3", UsageError, "write key=value"),
        ("epochs.more=3", UsageError, "'epochs' is not a section"),
        ("epochs=[", UsageError, "not a YAML value"),
        ("epoch=3", DataError, "epoch: extra inputs are not permitted"),
        ("epochs=0", DataError, "epochs: .*greater than or equal to 1, got 0"),
        ("network.width=wide", DataError, "network.width: .*got 'wide'"),
        ("select=first", DataError, "select: .*'best' or 'last'.*got 'first'"),
    ],
)
def test_names_the_field_and_the_value(recipe_file, override, error, said):
    with pytest.raises(error, match=said) as raised:
        read_recipe(recipe_file, [override])
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "said"), [("a: [", "cannot be read"), ("- 1", "not a list of"), ("", "not a list of")]
)
def test_files_that_are_no_recipe(tmp_path, text, said):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(DataError, match=said) as raised:
        read_recipe(tmp_path / "bad.yaml")
    assert "\n" not in str(raised.value)


def test_missing_recipe(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_recipe(tmp_path / "nowhere.yaml")


def test_where_the_data_is(recipe_file, monkeypatch, tmp_path):
    named = read_recipe(recipe_file)
    assert named.data_path().name == "small.h5"
    unnamed = read_recipe(recipe_file, ["data=null"])
    monkeypatch.setenv("SUMMDIFF_DATA", str(tmp_path))
    assert unnamed.data_path() == tmp_path / "tvsum_i3d.h5"
    monkeypatch.delenv("SUMMDIFF_DATA")
    with pytest.raises(DataError, match="SUMMDIFF_DATA"):
        unnamed.data_path()
