import json
from pathlib import Path

import numpy as np
import pytest
from page_tables import with_table
from recipe_fields import field_tables

from summdiff.errors import DataError
from summdiff.research.networks.joint import JointConfig
from summdiff.research.networks.registry import architectures
from summdiff.research.training import sanity_check
from summdiff.research.training.loop import train
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.recipe_files import read_recipe, recipe_names
from summdiff.research.training.recipe_sections import TargetRecipe


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipes_are_valid(name):
    recipe = read_recipe(name)
    assert recipe.name == name
    assert recipe.output == Path("runs") / name


def recipes_once_per_file():
    """Yield the names of all recipes; a file's further data sets, which train the same network, are slow tests."""
    files = set()
    for name in recipe_names():
        file = name.removesuffix(f"_{read_recipe(name).kind}")
        yield pytest.param(name, marks=[pytest.mark.slow] if file in files else [])
        files.add(file)


@pytest.mark.parametrize("name", recipes_once_per_file())
def test_shipped_recipes_train(name, small_files, tmp_path, monkeypatch):
    """With the network that they say, on a small file of their kind: two updates and validation.

    Writing takes longest and is tried for every kind of network with small ones.
    """
    monkeypatch.setattr(sanity_check, "_check_writing", lambda state, directory, graphs: None)
    kind, network = read_recipe(name).kind, read_recipe(name).network
    data = small_files(kind, dimension=70)
    overrides = [f"data={data}", f"output={tmp_path / 'out'}", "accelerator=cpu", "workers=0"]
    others = [other.kind for other in read_recipe(name).also]
    further = [{"kind": other, "data": str(small_files(other, dimension=70))} for other in others]
    overrides.append(f"also={json.dumps(further)}")
    if hasattr(network, "layers"):  # one of a large network is enough
        overrides.append("network.layers=1")
    assert train(read_recipe(name, overrides), dry_run=True) is None


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("tvsum", "tvsum_i3d.h5"),
        ("summe", "summe_annotations.h5"),
        ("mr_hisum", "mr_hisum.h5"),
        ("youtube_highlights", "youtube_highlights_i3d.h5"),
    ],
)
def test_the_data_is_found_by_field_or_environment(recipe_file, monkeypatch, tmp_path, kind, file):
    named = read_recipe(recipe_file)
    assert named.data_path().name == "small.h5"
    unnamed = read_recipe(recipe_file, ["data=null", f"kind={kind}"])
    monkeypatch.setenv("SUMMDIFF_DATA", str(tmp_path))
    assert unnamed.data_path() == tmp_path / file
    monkeypatch.delenv("SUMMDIFF_DATA")
    with pytest.raises(DataError, match="SUMMDIFF_DATA"):
        unnamed.data_path()
    with pytest.raises(DataError, match=r"add data=FILE, or kind=tvsum\|summe"):
        read_recipe(recipe_file, ["data=null"]).data_path()


def test_network_fields_are_those_of_its_config(recipe_file):
    for name in ("summdiff", "release", "joint"):
        recipe = read_recipe(recipe_file, [f"network={{model: {name}, n_bins: 33}}"])
        assert recipe.network.config(inputs=7) == architectures()[name].config(inputs=7, n_bins=33)
    assert Recipe(name="plain", output="out").network.config(inputs=7) == JointConfig(inputs=7)
    with pytest.raises(DataError, match="network: vasnet has no field 'widht': it has width, dropout, variant"):
        read_recipe(recipe_file, ["network={model: vasnet, widht: 3}"])


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("network.width=20", r"small.yaml': network: `width` must be a multiple of 8"),
        ("network.kernel=4", r"network: `kernel` must be an odd number of steps, got 4"),
        ("network={preset: release, position: rotary}", r"network: The option position=rotary no longer exists"),
        ("network.preset=best", r"network: preset must be one of paper, release, joint, got 'best'"),
        ("targets.clip=[0.9,0.1]", r"targets: clip must increase, got \[0.9, 0.1\]"),
        ("diffusion.steps=2000", r"diffusion: steps must be at most num_train_timesteps \(1000\)"),
        ("network={model: relational}", r"conditioning=gaussian_prior goes with network.model=relational, and only"),
        ("conditioning=gaussian_prior", r"conditioning=gaussian_prior goes with network.model=relational"),
        ("also=[{kind: summe, weight: 2}]", r"A weight of further data sets is for relational networks"),
        ("own_videos=false", r"own_videos=false needs `also`"),
        ("diffusion.step_seconds=0", r"diffusion: step_seconds must be above 0"),
    ],
)
def test_contradictory_fields_give_one_sentence(recipe_file, override, said):
    with pytest.raises(DataError, match=said) as raised:
        read_recipe(recipe_file, [override])
    assert "\n" not in str(raised.value)


def test_the_docs_list_all_fields():
    """`python scripts/recipe_fields.py docs/training.md` writes the tables."""
    path = Path(__file__).parents[3] / "docs" / "training.md"
    text = path.read_text(encoding="utf-8")
    assert with_table(text, "fields", field_tables(), path) == text
    assert "| `window` | whole number from 8 to 1000000, `null` | `128` |" in text
    assert all(f"| `{name}` |" in text for name in TargetRecipe.model_fields)
    described = [
        field.description or name in ("network", "diffusion", "targets", "augmentation")
        for name, field in Recipe.model_fields.items()
    ]
    assert all(described)


def test_a_null_video_belongs_to_a_recipe_by_its_content(recipe_file, tmp_path):
    def stated(name, content):
        np.save(tmp_path / name, content)
        return read_recipe(recipe_file, [f"diffusion.null_video={tmp_path / name}"]).stated()

    assert stated("a.npy", np.zeros(4)) == stated("b.npy", np.zeros(4)) != stated("a.npy", np.ones(4))
    with pytest.raises(DataError, match=r"none\.npy' cannot be read"):
        read_recipe(recipe_file, [f"diffusion.null_video={tmp_path / 'none.npy'}"]).stated()
