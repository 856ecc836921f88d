import json

import numpy as np
import pytest
import torch
from forked import FORKED

from small_data import write_usual
from summdiff.data.datasets import open_dataset
from summdiff.data.mr_hisum import MrHiSum
from summdiff.data.splits import Split, write_splits
from summdiff.data.synthetic import make_synthetic
from summdiff.errors import DataError, UsageError
from summdiff.research.training.examples import Examples
from summdiff.research.training.loading import Batches
from summdiff.research.training.logs import Callbacks
from summdiff.research.training.loop import fit, train
from summdiff.research.training.processes import launch
from summdiff.research.training.provenance import provenance
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.recipe_files import read_recipe
from summdiff.research.training.state import TrainingState
from summdiff.research.training.targets import count_noised
from summdiff.research.training.videos import Videos, to_cross_validate, to_train
from summdiff.scoring.model_files import read_config


def same(a, b):
    names = ("inputs", "targets", "seconds", "mask", "seeds")
    return len(a) == len(b) and all(
        torch.equal(getattr(one.batch, name), getattr(other.batch, name))
        for one, other in zip(a, b, strict=True)
        for name in names
    )


@pytest.mark.parametrize(("kind", "lengths"), [("tvsum", [2500, 2941, 777]), ("summe", [950, 1286, 777])])
def test_the_usual_layout_trains_without_a_frame_rate(tmp_path, kind, lengths):
    names = {f"video_{number}": frames for number, frames in enumerate(lengths, start=1)}
    path, said = write_usual(tmp_path / "usual.h5", kind, names), []
    fields = [f"data={path}", f"kind={kind}", f"output={tmp_path / 'out'}"]
    with pytest.raises(DataError, match=r"video_3 has no frame rate.*fps="):
        train(read_recipe("ridge", fields))
    recipe = read_recipe("ridge", [*fields, "fps=25"])
    train(recipe, callbacks=Said(said))
    assert any("2 videos have that of the original videos" in sentence for sentence in said)
    assert read_config(tmp_path / "out")["provenance"]["trained_on"] == [f"{kind}/{name}" for name in names]


class Said(Callbacks):
    def __init__(self, sentences):
        self.message = sentences.append


def test_folds_are_counted_from_one(data_file, recipe_file, tmp_path):
    splits = [Split((f"video_{n}",), (), (f"video_{n + 1}",)) for n in (1, 3)]
    write_splits(tmp_path / "splits.json", splits)
    fields = [f"splits={tmp_path / 'splits.json'}", "select=last"]
    for number, split in enumerate(splits, start=1):
        recipe = read_recipe(recipe_file, [*fields, f"fold={number}"])
        assert to_train(recipe, lambda sentence: None).split.train == split.train
    with pytest.raises(UsageError, match="has 2 splits; there is no 3"):
        to_train(read_recipe(recipe_file, [*fields, "fold=3"]), lambda sentence: None)
    with pytest.raises(DataError, match="fold"):
        read_recipe(recipe_file, [*fields, "fold=0"])


@pytest.mark.parametrize("select", ["best", "last"])
def test_validation_videos_are_not_called_training_videos(held_out, recipe_file, select):
    about = provenance(read_recipe(recipe_file, [f"select={select}", "validation=0.2"]), held_out)
    assert about["trained_on"] == [held_out.data.identity(name) for name in held_out.split.train]
    assert about["validated_on"] == [held_out.data.identity(name) for name in held_out.split.validation]


@pytest.fixture
def other_file(tmp_path):
    """Three videos of SumMe in the usual layout."""
    return write_usual(tmp_path / "other.h5", "summe", {"video_8": 1286, "video_12": 950, "video_14": 4608})


@pytest.fixture
def own_and_other(recipe_file, other_file):
    """A function that reads the recipe with that file beside its own."""
    return lambda *changes: read_recipe(recipe_file, [f"also=[{{kind: summe, data: {other_file}}}]", *changes])


def test_any_network_trains_on_further_files(own_and_other, data_file, tmp_path):
    """The setting "augmented"."""
    said, recipe = [], own_and_other("epochs=1", "validate_every=1")
    videos = to_train(recipe, said.append)
    own = open_dataset(data_file).names
    examples = Examples(videos, recipe)
    assert list(examples.videos()) == [*own, "other.h5/video_8", "other.h5/video_12", "other.h5/video_14"]
    assert "3 videos of other.h5 are trained on too." in said
    assert sorted(index for batch in examples.order(0) for index in batch) == list(range(len(own) + 3))
    assert examples[0, len(own)].targets.shape[1] == 86
    assert fit(recipe, videos, tmp_path / "run") is not None
    assert provenance(recipe, videos)["trained_on"][-3:] == ["summe/video_8", "summe/video_12", "summe/video_14"]


def test_another_data_set_of_the_same_form_has_its_own_name(recipe_file, tmp_path):
    path = write_usual(tmp_path / "ovp.h5", "tvsum", {"video_1": 2500})
    recipe = read_recipe(recipe_file, [f"also=[{{kind: tvsum, name: ovp, data: {path}}}]"])
    assert provenance(recipe, to_train(recipe, str))["trained_on"][-1] == "ovp/video_1"


def test_splits_name_the_videos_of_further_files(own_and_other, tmp_path):
    trained = ["tvsum.h5/video_1", "other.h5/video_12", "missing.h5/video_3"]
    entry = {"train_keys": [f"../data/{key}" for key in trained], "test_keys": ["tvsum.h5/video_2"]}
    (tmp_path / "aug.json").write_text(json.dumps([entry]))
    said = []
    (videos,) = to_cross_validate(own_and_other(f"splits={tmp_path / 'aug.json'}", "validation=0"), said.append)
    assert videos.split == Split(("video_1",), (), ("video_2",), ("other.h5/video_12",))
    assert [(file.path.name, name) for file, name in videos.elsewhere] == [("other.h5", "video_12")]
    assert any("1 videos of missing.h5 are left out: name these files in `also`" in sentence for sentence in said)


def test_a_transfer_trains_on_other_files_and_tests_every_video(own_and_other, data_file):
    (videos,) = to_cross_validate(own_and_other("own_videos=false"), str)
    assert videos.split.test == open_dataset(data_file).names
    assert videos.split.train == videos.split.validation == ()
    assert len(Examples(videos, own_and_other("own_videos=false"))) == 3


def test_files_that_do_not_fit_together_are_refused(own_and_other, recipe_file, tmp_path):
    with pytest.raises(DataError, match=r"features of different dimensions: .*6 \(other.h5\); they must be the same"):
        to_train(own_and_other("conditioning=features"), str)
    make_synthetic(tmp_path / "seconds.h5", videos=3, min_seconds=30, max_seconds=40)
    further = f"also=[{{kind: mr_hisum, data: {tmp_path / 'seconds.h5'}}}]"
    with pytest.raises(UsageError, match=r"no single annotators: set targets.people to mean or gtscore"):
        to_train(read_recipe(recipe_file, [further]), str)
    assert to_train(read_recipe(recipe_file, [further, "targets.people=gtscore"]), str).elsewhere


def of_each(batch):
    """(B,) anything that differs by item."""
    return batch.targets.square().sum(dim=(1, 2))


def test_an_item_depends_on_seed_epoch_and_number_only(all_train, recipe_file):
    recipe = read_recipe(recipe_file, ["window=16"])
    first, second = Examples(all_train, recipe), Examples(all_train, recipe)
    _ = [second[epoch, index] for epoch in range(3) for index in range(10)]
    item, again, later = first[1, 4], second[1, 4], first[2, 4]
    assert np.array_equal(item.condition.inputs, again.condition.inputs)
    assert np.array_equal(item.targets, again.targets)
    assert item.seed == again.seed != later.seed
    assert len(item.condition) == 16
    assert item.targets.shape == (8, 16)
    other = Examples(all_train, recipe.model_copy(update={"seed": 9}))[1, 4]
    assert item.seed != other.seed


def test_an_epoch_can_be_resumed(all_train, recipe_file):
    batches = Batches(Examples(all_train, read_recipe(recipe_file)), read_recipe(recipe_file))
    whole = list(batches.of(3))
    rest = list(batches.of(3, first=1))
    assert len(whole) == batches.count == 3
    assert len(rest) == 2
    assert all(same(a, b) for a, b in zip(whole[1:], rest, strict=True))


@pytest.mark.parametrize("world", [1, 2, 3, 4])
@pytest.mark.parametrize("micro_batch", ["null", "1", "2"])
def test_dividing_a_batch_keeps_its_mean_loss(all_train, recipe_file, world, micro_batch):
    """Ten videos in batches of 4, 4 and 2; each is in one part of one process."""
    recipe = read_recipe(recipe_file, ["augmentation.views=1"])
    examples = Examples(all_train, recipe)
    whole = [step[0].batch for step in Batches(examples, recipe).of(0)]
    small = read_recipe(recipe_file, ["augmentation.views=1", f"micro_batch={micro_batch}"])
    shared = [list(Batches(examples, small, rank=rank, world=world).of(0)) for rank in range(world)]
    for number, batch in enumerate(whole):
        parts = [part for process in shared for part in process[number]]
        mean = sum(part.share * of_each(part.batch).mean() for part in parts) / world
        assert mean == pytest.approx(float(of_each(batch).mean()), rel=1e-5)
        seeds = [seed for part in parts if part.share for seed in part.batch.seeds.tolist()]
        assert sorted(seeds) == sorted(batch.seeds.tolist())
        assert all(len(part.batch.mask) <= int(small.micro_batch or 4) for part in parts)


def test_videos_of_similar_length_are_processed_together(all_train, recipe_file):
    recipe = read_recipe(recipe_file, ["window=null", "augmentation.views=1", "videos_per_batch=10", "micro_batch=2"])
    (step,) = Batches(Examples(all_train, recipe), recipe).of(0)
    assert [part.batch.mask.sum(dim=1).tolist() for part in step] == [[n, n + 2] for n in range(30, 50, 4)]


def test_each_annotator_is_an_item_of_an_epoch(all_train, recipe_file):
    recipe = read_recipe(recipe_file, ["targets={people: each, expected: false, scale: scores}"])
    recipe = recipe.model_copy(update={"augmentation": recipe.augmentation.model_copy(update={"views": 1})})
    examples = Examples(all_train, recipe)
    assert len(examples) == 50
    found = np.stack([examples[0, index].targets[0][:30] for index in range(5)])
    assert np.allclose(found, (all_train.data["video_1"].user_scores[:, :30] - 1) / 4)
    assert not examples.how.expected


def test_batches_group_videos_of_similar_length(all_train, recipe_file):
    recipe = read_recipe(recipe_file, ["length_buckets=true", "videos_per_batch=5"])
    examples = Examples(all_train, recipe)
    lengths = [sorted(examples.lengths[batch]) for batch in examples.order(0)]
    assert sorted(lengths) == [[30, 32, 34, 36, 38], [40, 42, 44, 46, 48]]
    assert sorted(index for batch in examples.order(1) for index in batch) == list(range(10))


@pytest.fixture
def synthetic(tmp_path):
    """Twelve videos in Mr.HiSum's form, and a recipe that reads them lazily."""
    make_synthetic(tmp_path / "large.h5", videos=12, dimension=8, min_seconds=20, max_seconds=40)
    recipe = Recipe(
        name="large",
        output=tmp_path / "out",
        data=tmp_path / "large.h5",
        conditioning="features",
        network={"width": 16, "heads": 2, "feed_forward": 16, "encoder_layers": 1, "denoiser_layers": 1},
        diffusion={"samples": 2, "steps": 2},
        augmentation={"views": 3},
        epochs=2,
        videos_per_batch=4,
        length_buckets=True,
    )
    data = MrHiSum(tmp_path / "large.h5")
    return Videos(data, Split(train=data.names[:10], validation=data.names[10:], test=())), recipe


def test_large_files_are_read_on_demand(synthetic, tmp_path, monkeypatch):
    """By this process or by others: the same batches as from memory, and no video is kept."""
    monkeypatch.setattr(torch.multiprocessing, "get_context", lambda method: FORKED)
    videos, recipe = synthetic
    lazy = recipe.model_copy(update={"in_memory": False, "workers": 2})
    examples = Examples(videos, lazy)
    batches = Batches(examples, lazy)
    kept = list(Batches(Examples(videos, recipe), recipe).of(1))
    assert all(same(a, b) for a, b in zip(kept, batches.of(1), strict=True))
    assert examples._kept == {}
    a = fit(recipe, videos, tmp_path / "a", check=False)
    b = fit(lazy.model_copy(update={"workers": 0}), videos, tmp_path / "b", check=False)
    assert all(
        map(torch.equal, a.model.network.module.state_dict().values(), b.model.network.module.state_dict().values())
    )


def test_a_batch_is_read_in_file_order(synthetic, monkeypatch):
    """Whatever order chance gives it, and it stays in that order."""
    videos, recipe = synthetic
    recipe = recipe.model_copy(update={"in_memory": False, "length_buckets": False, "videos_per_batch": 6})
    examples = Examples(videos, recipe)
    batch = [(0, index) for index in examples.order(0)[0]]
    one_by_one = [examples[at] for at in batch]
    read = []
    plain = MrHiSum.__getitem__
    monkeypatch.setattr(MrHiSum, "__getitem__", lambda self, name: read.append(name) or plain(self, name))
    together = examples.__getitems__(batch)
    asked = [videos.split.train[index] for _, index in batch]
    assert read == sorted(asked, key=videos.data.names.index) != asked
    assert all(
        np.array_equal(a.condition.inputs, b.condition.inputs) for a, b in zip(one_by_one, together, strict=True)
    )
    read.clear()
    next(Batches(examples, recipe).of(0))
    assert read == sorted(asked, key=videos.data.names.index)


@pytest.mark.parametrize("world", [2, 3])
def test_each_video_is_read_by_one_process_per_epoch(synthetic, monkeypatch, world):
    """Ten videos in batches of 5, whose shares of 3 and 2, or 2, 2 and 1, are read where they are needed."""
    videos, recipe = synthetic
    recipe = recipe.model_copy(update={"in_memory": False, "videos_per_batch": 5, "micro_batch": 2})
    read = []
    plain = MrHiSum.__getitem__
    examples = Examples(videos, recipe)
    monkeypatch.setattr(MrHiSum, "__getitem__", lambda self, name: read.append(name) or plain(self, name))
    for epoch in range(2):
        read.clear()
        for rank in range(world):
            assert len(list(Batches(examples, recipe, rank=rank, world=world).of(epoch))) == 2
        assert sorted(read) == sorted(videos.split.train)


def test_the_model_info_describes_the_data(synthetic):
    videos, recipe = synthetic
    plain = recipe.augmentation.model_copy(update={"views": 1})
    examples = Examples(videos, recipe.model_copy(update={"augmentation": plain}))
    assert examples.look() == {"inputs": 8, "step_seconds": 1.0}
    for (condition, curve), name in zip(examples.conditions_and_means(), videos.split.train, strict=True):
        assert np.array_equal(condition.inputs, videos.data[name].need_features())
        assert len(curve) == len(condition)
    every = np.concatenate([condition.inputs for condition, _ in examples.conditions_and_means()]).astype(np.float64)
    with_units = TrainingState(recipe, examples, launch(recipe)).network
    assert np.allclose(with_units.input_mean, every.mean(axis=0), atol=1e-5)
    assert np.allclose(with_units.input_std, every.std(axis=0), atol=1e-5)


def test_every_data_set_gives_items(any_file, tmp_path):
    kind, path = any_file
    data = open_dataset(path, kind)
    names = tuple(name for name in data.names if data.feature_shape(name))
    recipe = Recipe(name="any", output=tmp_path, augmentation={"views": 2})
    for people in ("panels", "each", "mean"):
        how = recipe.model_copy(update={"targets": recipe.targets.model_copy(update={"people": people})})
        examples = Examples(Videos(data, Split(names, (), ())), how)
        annotators = {"tvsum": 20, "summe": 15}.get(kind, 1)
        assert len(examples) == len(names) * (annotators if people == "each" else 1)
        for step in Batches(examples, how).of(0):
            (part,) = step
            assert torch.isfinite(part.batch.inputs).all()
            assert float(part.batch.targets.min()) >= 0
            assert float(part.batch.targets.max()) <= 1
            assert count_noised(examples.how) <= part.batch.targets.shape[1]
