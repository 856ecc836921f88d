import numpy as np
import torch

from summdiff.data.batches import Example, collate


def test_pads_and_masks():
    rng = np.random.default_rng(0)
    examples = [
        Example(
            inputs=rng.normal(size=(n, 3)).astype(np.float32), targets=rng.random((2, n)).astype(np.float32), rate=rate
        )
        for n, rate in ((5, 0.5), (1, 1.0), (4, 4.0))
    ]
    batch = collate(examples)
    assert batch.inputs.shape == (3, 5, 3)
    assert batch.targets.shape == (3, 2, 5)
    assert batch.mask.sum(dim=1).tolist() == [5, 1, 4]
    assert batch.seconds[:, 2].tolist() == [4.0, 2.0, 0.5]
    for i, example in enumerate(examples):
        n = len(example.inputs)
        assert np.array_equal(batch.inputs[i, :n].numpy(), example.inputs)
        assert np.array_equal(batch.targets[i, :, :n].numpy(), example.targets)
        assert not batch.inputs[i, n:].any()
        assert not batch.mask[i, n:].any()
    assert batch.to(torch.device("cpu")).mask.dtype == torch.bool
