"""Networks in torch, one per module, and their export to model folders.

- SummDiff: `summdiff` (the paper's), `release` (the authors' later code), `relational` (the default model), `joint`.
- Baselines: `vasnet`, `pgl_sum`, `sl_module`, `dsnet`, `a2summ`, `iptnet`, `mlp`, `ridge`.
- Around them: `base` (base classes), `registry` (networks by name), `denoising` (the training objective),
  `relational_fit` (the default model's mean curve and prior), `inference`, `export` and `storage`.
"""

from summdiff.research import require

require("Working with networks", "torch", extra="train")
