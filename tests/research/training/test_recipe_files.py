"""Names, overlays and overrides of recipe files."""

from pathlib import Path

import pytest
import yaml

from summdiff.errors import DataError, UsageError
from summdiff.research.training.recipe_files import (
    data_sets_of,
    merged_document,
    read_recipe,
    recipe_files,
    recipe_names,
)

_FIELDS = (
    *("epochs", "warmup_epochs", "videos_per_batch", "optimizer", "learning_rate", "learning_rate_schedule"),
    *("weight_decay", "clip_norm", "ema_decay", "validate_every", "select"),
)

# The schedule of each recipe, in the order of _FIELDS.
_SCHEDULES = """
a2summ_mr_hisum 200 0 256 adam 0.001 constant 1e-05 0 0 10 best
a2summ_summe 300 0 4 adam 0.001 constant 0.001 0 0 15 best
a2summ_tvsum 100 0 4 adam 0.001 constant 1e-05 0 0 5 best
default 24 0 8 adamw 0.001 cosine 0.01 1 0.99 12 last
dsnet_anchor_based_summe 300 0 1 adam 5e-05 constant 1e-05 0 0 15 best
dsnet_anchor_based_tvsum 60 0 1 adam 5e-05 constant 1e-05 0 0 3 best
dsnet_anchor_free_mr_hisum 300 0 256 adam 5e-05 constant 1e-05 0 0 15 best
dsnet_anchor_free_summe 300 0 1 adam 5e-05 constant 1e-05 0 0 15 best
dsnet_anchor_free_tvsum 60 0 1 adam 5e-05 constant 1e-05 0 0 3 best
iptnet_mr_hisum 100 0 128 adam 1e-05 constant 0.0001 0 0 5 best
iptnet_summe 100 0 1 adam 1e-05 constant 0.0001 0 0 5 best
iptnet_tvsum 60 0 1 adam 0.0001 constant 1e-05 0 0 3 best
mlp_mr_hisum 200 0 256 adam 5e-05 constant 0.0001 0 0 10 best
mlp_summe 60 0 1 adam 5e-05 constant 1e-05 0 0 3 best
mlp_tvsum 60 0 1 adam 5e-05 constant 1e-05 0 0 3 best
pgl_sum_mr_hisum 200 0 256 adam 5e-05 constant 0.0001 0 0 10 best
pgl_sum_summe 200 0 20 adam 5e-05 constant 1e-05 0.25 0 10 best
pgl_sum_tvsum 30 0 1 adam 5e-05 constant 1e-05 5 0 2 best
relational_ridge_mr_hisum 200 0 8 adamw 0.001 cosine 0.01 1 0.99 20 last
relational_ridge_summe 200 0 8 adamw 0.001 cosine 0.01 1 0.99 20 last
relational_ridge_tvsum 200 0 8 adamw 0.001 cosine 0.01 1 0.99 20 last
ridge_mr_hisum 200 0 8 adamw 0.001 cosine 0.01 1 0.99 20 last
ridge_summe 200 0 8 adamw 0.001 cosine 0.01 1 0.99 20 last
ridge_tvsum 200 0 8 adamw 0.001 cosine 0.01 1 0.99 20 last
sl_module_mr_hisum 200 0 256 sgd 0.05 constant 0.0001 0 0 10 best
sl_module_summe 50 0 4 sgd 0.05 constant 0.0001 0 0 2 best
sl_module_tvsum 16 0 4 sgd 0.05 constant 0.0001 0 0 2 best
summdiff_joint_tvsum 10 1 8 adamw 0.001 cosine 0.05 1 0.98 5 last
summdiff_paper_mr_hisum 200 0 256 adamw 5e-05 cosine 0.01 1 0 1 best
summdiff_paper_summe 200 0 8 adamw 5e-05 cosine 0.01 1 0 5 best
summdiff_paper_tvsum 20 1 2 adamw 0.0003 cosine 0.01 1 0 4 best
summdiff_paper_youtube_highlights 8 1 1 adamw 0.0002 cosine 0.01 1 0 2 best
summdiff_release_mr_hisum 40 0 256 adam 5e-05 exponential 0.0005 0 0.999 1 best
summdiff_release_summe 45 0 20 adam 3e-05 constant 0.0005 0 0 5 best
summdiff_release_tvsum 30 3 8 adam 0.0003 cosine 0.005 1 0 10 last
summdiff_release_youtube_highlights 200 0 40 adam 0.0003 constant 0.005 0 0 5 best
vasnet_mr_hisum 200 0 256 adam 5e-05 constant 0.0001 0 0 10 best
vasnet_summe 300 0 1 adam 5e-05 constant 1e-05 0 0 15 best
vasnet_tvsum 60 0 1 adam 5e-05 constant 1e-05 0 0 3 best
"""

# The schedules of `summdiff reproduce`.
_REPRODUCED = """
summdiff_paper_tvsum 20 1 2 adamw 0.0003 cosine 0.01 1 0 4 best
summdiff_paper_youtube_highlights 8 1 1 adamw 0.0002 cosine 0.01 1 0 2 best
summdiff_paper_mr_hisum 200 0 256 adamw 5e-05 cosine 0.01 1 0 1 best
summdiff_release_tvsum 20 3 4 adam 0.0003 cosine 0.005 1 0 5 best
summdiff_release_youtube_highlights 8 0 2 adam 0.0003 constant 0.005 0 0 2 best
summdiff_release_mr_hisum 40 0 256 adam 5e-05 exponential 0.0005 0 0.999 1 best
summdiff_joint_tvsum 10 1 8 adamw 0.001 cosine 0.05 1 0.98 5 best
summdiff_joint_youtube_highlights 6 1 8 adamw 0.001 cosine 0.05 1 0.98 2 best
default 24 0 8 adamw 0.001 cosine 0.01 1 0.99 12 best
pgl_sum_tvsum 30 0 1 adam 5e-05 constant 1e-05 5 0 2 best
pgl_sum_youtube_highlights 10 0 1 adam 5e-05 constant 1e-05 5 0 2 best
pgl_sum_mr_hisum 200 0 256 adam 5e-05 constant 0.0001 0 0 1 best
vasnet_tvsum 30 0 1 adam 5e-05 constant 1e-05 0 0 3 best
vasnet_youtube_highlights 10 0 1 adam 5e-05 constant 1e-05 0 0 2 best
vasnet_mr_hisum 200 0 256 adam 5e-05 constant 0.0001 0 0 1 best
sl_module_tvsum 12 0 4 sgd 0.05 constant 0.0001 0 0 2 best
sl_module_youtube_highlights 5 0 4 sgd 0.05 constant 0.0001 0 0 1 best
sl_module_mr_hisum 200 0 256 sgd 0.05 constant 0.0001 0 0 1 best
a2summ_tvsum 60 0 4 adam 0.001 constant 1e-05 0 0 5 best
a2summ_mr_hisum 200 0 256 adam 0.001 constant 1e-05 0 0 1 best
dsnet_anchor_based_tvsum 60 0 1 adam 5e-05 constant 1e-05 0 0 3 best
dsnet_anchor_free_tvsum 60 0 1 adam 5e-05 constant 1e-05 0 0 3 best
dsnet_anchor_free_mr_hisum 300 0 256 adam 5e-05 constant 1e-05 0 0 1 best
iptnet_tvsum 60 0 1 adam 0.0001 constant 1e-05 0 0 3 best
iptnet_mr_hisum 100 0 128 adam 1e-05 constant 0.0001 0 0 1 best
mlp_tvsum 30 0 1 adam 5e-05 constant 1e-05 0 0 3 best
mlp_youtube_highlights 10 0 1 adam 5e-05 constant 1e-05 0 0 2 best
mlp_mr_hisum 200 0 256 adam 5e-05 constant 0.0001 0 0 1 best
"""


def _schedule(recipe):
    values = [getattr(recipe, field) for field in _FIELDS]
    return [f"{value:g}" if isinstance(value, int | float) else value for value in values]


@pytest.mark.parametrize("line", _SCHEDULES.strip().splitlines(), ids=lambda line: line.split()[0])
def test_a_recipe_keeps_its_schedule(line):
    name, *schedule = line.split()
    assert _schedule(read_recipe(name)) == schedule


@pytest.mark.parametrize("line", _REPRODUCED.strip().splitlines(), ids=lambda line: line.split()[0])
def test_reproduce_keeps_its_schedule(line):
    name, *schedule = line.split()
    assert _schedule(read_recipe(name, reproduce=True)) == schedule


def test_every_file_and_recipe_names_its_data_sets():
    assert data_sets_of("dsnet_anchor_based") == ("tvsum", "summe")
    assert data_sets_of("default") == ()
    for file in recipe_files():
        names = [f"{file}_{data_set}" for data_set in data_sets_of(file)] or [file]
        assert set(names) <= set(recipe_names())
        assert [read_recipe(name).name for name in names] == names


def test_a_recipe_is_named_by_model_and_data_set(small_files):
    wanted = read_recipe("vasnet_summe")
    assert wanted.name == "vasnet_summe"
    assert wanted.output == Path("runs/vasnet_summe")
    assert wanted.kind == "summe"
    assert read_recipe("vasnet", ["kind=summe"]) == wanted
    data = small_files("summe")
    assert read_recipe("vasnet", [f"data={data}"]) == read_recipe("vasnet_summe", [f"data={data}"])


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("vasnet", [], "depends on the data set: add data=FILE, or kind= with one of tvsum, summe"),
        ("a2summ", ["kind=youtube_highlights"], "no settings for youtube_highlights, only for tvsum, summe, mr_hisum"),
        ("dsnet_anchor_based_mr_hisum", [], "no recipe 'dsnet_anchor_based_mr_hisum'"),
    ],
)
def test_a_recipe_needs_a_data_set_that_it_has_settings_for(name, overrides, message):
    with pytest.raises(DataError, match=message):
        read_recipe(name, overrides)


def test_a_file_can_extend_a_shipped_one(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("extends: vasnet\nnetwork: {width: 64}\ndata_sets: {tvsum: {epochs: 7}, summe: null}\n")
    mine, shipped = read_recipe(path, ["kind=tvsum"]), read_recipe("vasnet_tvsum")
    assert (mine.name, mine.output) == ("mine_tvsum", Path("runs/mine_tvsum"))
    assert (mine.network.width, mine.epochs) == (64, 7)
    assert mine.learning_rate == shipped.learning_rate
    with pytest.raises(DataError, match="no settings for summe"):
        read_recipe(path, ["kind=summe"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extends: nothing", "extends must be one of a2summ, default, .*got 'nothing'"),
        ("extends: [vasnet]", "extends must be one of"),
        ("data_sets: [tvsum]", "data_sets must have a section for each data set"),
        ("data_sets: {imagenet: {}}", r"data_sets must have a section .*tvsum, summe.*got 'imagenet': \{\}"),
        ("reproduce: {tvsum: 3}", "reproduce must have a section .*got 'tvsum': 3"),
    ],
)
def test_bad_overrides_in_a_file_are_named(tmp_path, text, message):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_recipe(path, ["kind=tvsum"])


def test_a_merged_document_is_a_recipe_file(tmp_path):
    path = tmp_path / "printed.yaml"
    path.write_text(yaml.safe_dump(merged_document("summdiff_paper_tvsum")))
    assert read_recipe(path) == read_recipe("summdiff_paper_tvsum")


def test_a_recipe_is_given_by_name_or_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"no recipe 'sumdiff_joint_tvsum': there are summdiff_joint_tvsum,"):
        read_recipe("sumdiff_joint_tvsum")
    with pytest.raises(DataError, match=r"missing\.yaml' cannot be read"):
        read_recipe("missing.yaml")
    (tmp_path / "default").write_text("name: mine\noutput: here\n")  # a file comes before what is shipped
    assert read_recipe("default").name == "mine"


def test_overrides_replace_fields(recipe_file):
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
        ("epoch=3", DataError, "there is no field `epoch`: did you mean `epochs`\\?"),
        ("targets.pannel=3", DataError, "there is no field `targets.pannel`: did you mean `panel`\\?"),
        ("also=[{kind: tvsum, wieght: 3}]", DataError, "there is no field `also.0.wieght`: did you mean `weight`\\?"),
        ("diffusion.zzz=3", DataError, "there is no field `diffusion.zzz`: there are schedule, "),
        ("epochs=0", DataError, "epochs: .*greater than or equal to 1, got 0"),
        ("network.width=wide", DataError, "network.width: .*got 'wide'"),
        ("select=first", DataError, "select: .*'best' or 'last'.*got 'first'"),
    ],
)
def test_errors_name_the_field_and_the_value(recipe_file, override, error, said):
    with pytest.raises(error, match=said) as raised:
        read_recipe(recipe_file, [override])
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "said"), [("a: [", "cannot be read"), ("- 1", "not a list of"), ("", "not a list of")]
)
def test_files_without_a_recipe_are_refused(tmp_path, text, said):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(DataError, match=said) as raised:
        read_recipe(tmp_path / "bad.yaml")
    assert "\n" not in str(raised.value)


def test_an_unknown_recipe_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_recipe(tmp_path / "nowhere.yaml")
