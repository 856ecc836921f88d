"""SummDiff: importance scores by denoising, conditioned on what is seen.

To read in this order: `config` and its presets; `network` and the `layers` that it is made of; `denoising`, how it
learns; `sampling`, how curves are drawn. `closed_form` is what it takes over from its training videos. `relational` is
the network of the default model, with `kinship`, how people's opinions go together, and `relational_fit`, what is
fitted before it is trained.
"""

from summdiff.research.networks.summdiff.config import PRESETS, NetworkConfig
from summdiff.research.networks.summdiff.network import SummDiff

__all__ = ["PRESETS", "NetworkConfig", "SummDiff"]
