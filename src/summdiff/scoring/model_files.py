"""A model on disk: a folder with `config.json`, the ONNX graphs that scoring needs, and weights for further training.

    config.json          what the model is, how it was trained, and the SHA-256 of each other file
    encode.onnx, …       see `summdiff.scoring.graphs`
    model.safetensors    the network's weights; only `summdiff train` reads them

A fold of a cross-validation has no graphs until `summdiff export-graphs` makes them.

Loading runs no code from the folder.
"""

from __future__ import annotations

import hashlib
import reprlib
from dataclasses import fields
from pathlib import Path
from typing import Any

from summdiff._untrusted import Budget, read_bytes, read_json
from summdiff.errors import ModelError, reason
from summdiff.scoring import _old_formats
from summdiff.scoring.config_checks import check_fields
from summdiff.scoring.gaussian import GaussianPrior
from summdiff.scoring.graphs import DENOISER_GRAPHS, SCORER_GRAPHS, GraphDenoiser, GraphScorer
from summdiff.scoring.model import Model, ModelConfig
from summdiff.scoring.networks import DenoiserFacts, MeanCurve, ScorerFacts
from summdiff.scoring.sampling import SamplingConfig, SamplingModel
from summdiff.scoring.scorer import ScoringModel
from summdiff.scoring.space import ScoreSpace

FORMAT = "summdiff.model/3"
WITHOUT_GRAPHS = "summdiff.model/1"
CONFIG = "config.json"
WEIGHTS = "model.safetensors"
_BUDGETS = 2  # that a file of weights may have: 2 GiB are 500 million, the most that a network may have


def read_model(directory: Path, *, device: str = "cpu") -> Model:
    """Load the model in a folder.

    Args:
        directory: the folder.
        device: where to compute; see `summdiff._runtime.inference_session`.

    Raises:
        ModelError: a file is missing, damaged, of another format, or the files do not fit together.
        UsageError: there is no such device here.
    """
    document = read_config(directory)
    hashes = document.get("sha256")
    if document["format"] == WITHOUT_GRAPHS or (isinstance(hashes, dict) and hashes.keys() == {WEIGHTS}):
        raise ModelError(
            f"The model in '{directory}' lacks the graphs that scoring needs: make them with "
            f"`summdiff export-graphs {directory}`."
        )
    try:
        facts = facts_from(document["inference"])
        sampled = isinstance(facts, DenoiserFacts)
        config = (SamplingConfig if sampled else ModelConfig)(**document["model"])
        check_fields(config)
        names = DENOISER_GRAPHS if sampled else SCORER_GRAPHS
        graphs = {name: read_file(directory, f"{name}.onnx", document) for name in names}
        provenance = document.get("provenance")
        about = provenance if isinstance(provenance, dict) else None
        if isinstance(facts, DenoiserFacts):
            assert isinstance(config, SamplingConfig)  # noqa: S101 (chosen above)
            return SamplingModel(config, GraphDenoiser(facts, graphs, device=device), provenance=about)
        return ScoringModel(config, GraphScorer(facts, graphs, device=device), provenance=about)
    except ModelError as error:
        raise ModelError(f"The model in '{directory}' cannot be used: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"The config in '{directory}' describes no model; train the model anew.") from error


def read_config(directory: Path) -> dict[str, Any]:
    """Return what `config.json` holds; of older formats, model and inference in the present form.

    Raises:
        ModelError: it is missing, damaged or of another format.
    """
    try:
        document = read_json(directory / CONFIG)
    except FileNotFoundError as error:
        raise ModelError(f"The model in '{directory}' cannot be read: its {CONFIG} is missing.") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"The model in '{directory}' cannot be read: {reason(error)}.") from error
    found = document.get("format") if isinstance(document, dict) else None
    if found == FORMAT:
        return dict(document)
    if found not in _old_formats.FORMATS:
        raise ModelError(
            f"'{directory / CONFIG}' is not a model's config: its format is {reprlib.repr(found)}, not '{FORMAT}'."
        )
    try:
        return _old_formats.modernised(document)
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"The config in '{directory}' describes no model; train the model anew.") from error


def read_file(directory: Path, name: str, document: dict[str, Any]) -> bytes:
    """Return the content of one of the folder's files.

    Raises:
        ModelError: it is missing, or has another checksum than the config says.
    """
    try:
        content = read_bytes(directory / name, most=_BUDGETS * Budget().most)
    except OSError as error:
        raise ModelError(f"'{directory / name}' cannot be read: {reason(error)}.") from error
    hashes = document.get("sha256")
    wanted = hashes.get(name) if isinstance(hashes, dict) else hashes
    if hashlib.sha256(content).hexdigest() != wanted:
        raise ModelError(f"'{directory / name}' is damaged or belongs to another config: its checksum differs.")
    return content


def facts_to_dict(facts: DenoiserFacts | ScorerFacts) -> dict[str, Any]:
    """Return facts as the config's section `inference`."""
    if isinstance(facts, ScorerFacts):
        return {"inputs": facts.inputs, "readouts": list(facts.readouts), "threshold": facts.threshold}
    return {
        "inputs": facts.inputs,
        "score_space": facts.space.name,
        "score_scale": facts.space.scale,
        "mean": None if facts.mean is None else {"shares": list(facts.mean.shares), "width": facts.mean.width},
        "prior": None if facts.prior is None else dict(facts.prior.to_dict()),
        "guess_noise": facts.guess_noise,
        "joint_denoising": facts.joint_denoising,
    }


def facts_from(section: dict[str, Any]) -> DenoiserFacts | ScorerFacts:
    """Return the facts in a config's section `inference`.

    Raises:
        ModelError, KeyError, TypeError, ValueError, AttributeError: they are none.
    """
    if "readouts" in section:
        _check_names(section, ScorerFacts)
        scorer = ScorerFacts(**{**section, "readouts": tuple(section["readouts"])})
        check_fields(scorer)
        return scorer
    space = ScoreSpace(section["score_space"], section["score_scale"])
    mean = section["mean"] and MeanCurve(tuple(section["mean"]["shares"]), section["mean"]["width"])
    if section["prior"]:
        _check_names(section["prior"], GaussianPrior)
    prior = section["prior"] and GaussianPrior(**section["prior"])
    for part in (space, mean):
        if part is not None:
            check_fields(part)
    # Folders written before the fact was known: only a prior surely makes scores follow others
    joint = section.get("joint_denoising", prior is not None)
    facts = DenoiserFacts(section["inputs"], space, mean, prior, section["guess_noise"], joint)
    check_fields(facts)
    return facts


def _check_names(section: dict[str, Any], kind: Any) -> None:
    """Raise a KeyError unless a section has exactly a dataclass's fields: a default must not fill in for a lost one."""
    if section.keys() != {field.name for field in fields(kind)}:
        raise KeyError(kind.__name__)
