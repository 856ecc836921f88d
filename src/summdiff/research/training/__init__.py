"""Training: from a recipe to a model, or to a cross-validation.

`recipe` declares the fields of a recipe and `recipe_files` reads them; `targets`, `augmentation`, `batches` and `data`
turn videos into batches; `build` makes the network and its loss; `state`, `checkpoint`, `processes`, `logs` and
`validation` serve `loop`, which trains; `closed_form` fits ridge regression; `crossval` trains and tests on folds.
"""

from summdiff.research import require

_PACKAGES = ("torch", "lightning_fabric", "pydantic", "yaml", "h5py", "scipy", "tensorboardX")
require("Training", *_PACKAGES, extra="train")
