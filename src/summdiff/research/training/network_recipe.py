"""The recipe's section `network`: a network's name, and any field of its config that is to differ from its defaults.

Names, defaults and descriptions of the fields live in the configs in `summdiff.research.networks` only.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, Union, get_type_hints

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, create_model, model_validator

from summdiff.errors import ModelError
from summdiff.research.networks.base import Learns, Scorer
from summdiff.research.networks.registry import ARCHITECTURES
from summdiff.research.networks.summdiff import PRESETS
from summdiff.scoring.config_checks import check_fields

Preset = Literal["paper", "release", "joint"]
_FROM_THE_DATA = ("inputs", "relations")  # known only when the videos are


class Section(BaseModel):
    """A part of a recipe: checked, closed and constant."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class NetworkSection(Section):
    """What all networks' sections share."""

    model: str

    @model_validator(mode="after")
    def _check(self) -> Self:
        try:
            check_fields(self.config(inputs=1, relations=0))
        except ModelError as error:
            raise ValueError(str(error)) from error
        return self

    @property
    def learns(self) -> Learns | None:
        """What its targets are; None of SummDiff, which learns any curves."""
        kind = ARCHITECTURES[self.model].network
        return kind.learns if issubclass(kind, Scorer) else None

    @property
    def features_power(self) -> float:
        """The power of the features' size that it sees, and ridge regression beside it."""
        return float(getattr(self, "power", 1.0))

    def config(self, *, inputs: int, relations: int) -> Any:
        """The config of a network for P inputs a step, of which the last so many are relational.

        Raises:
            ModelError: sizes that make no network.
        """
        kind = ARCHITECTURES[self.model].config
        given = {"inputs": inputs, "relations": relations}
        known = {field.name for field in fields(kind)}
        return kind(
            **{name: value for name, value in given.items() if name in known},
            **self.model_dump(exclude={"model", "preset"}),
        )


class _SummDiffSection(NetworkSection):
    """SummDiff: a preset, and any field of its `NetworkConfig` that is to differ from it."""

    preset: Preset = Field(default="joint", description="whose values the fields have that are not given")

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return PRESETS.get(given.get("preset", "joint"), {}) | given


def _section(name: str) -> type[NetworkSection]:
    """The section of one network."""
    kind = ARCHITECTURES[name].config
    hints, about = get_type_hints(kind), _described(kind.__doc__ or "")
    made: dict[str, Any] = {
        field.name: (
            hints[field.name],
            Field(default=... if field.default is MISSING else field.default, description=about.get(field.name)),
        )
        for field in fields(kind)
        if field.name not in _FROM_THE_DATA
    }
    base = _SummDiffSection if name == "summdiff" else NetworkSection
    which: Any = (Literal[name], Field(default=name, description="the network"))
    section: type[NetworkSection] = create_model(
        f"{name}_section",
        __base__=base,
        __module__=__name__,
        __doc__=base.__doc__ if name == "summdiff" else (kind.__doc__ or "").partition("\n")[0],
        model=which,
        **made,
    )
    return section


def _described(docstring: str) -> dict[str, str]:
    """What a docstring's list of attributes says of each of them."""
    about: dict[str, str] = {}
    names: list[str] = []
    for line in docstring.partition("Attributes:")[2].splitlines():
        if not line.strip():
            continue
        head, colon, rest = line.strip().partition(": ")
        listed = head.split(", ")
        if colon and line[8:9] != " " and all(name.isidentifier() for name in listed):
            names = listed
            about |= dict.fromkeys(names, rest)
        else:
            about |= {name: f"{about[name]} {line.strip()}" for name in names}
    return about


def _which(given: Any) -> Any:
    return given.get("model", "summdiff") if isinstance(given, dict) else getattr(given, "model", None)


SECTIONS: dict[str, type[NetworkSection]] = {name: _section(name) for name in ARCHITECTURES}
globals().update({section.__name__: section for section in SECTIONS.values()})  # where pickle looks for them

if TYPE_CHECKING:

    class AnyNetwork(NetworkSection):
        """With the fields that are made above."""

        def __getattr__(self, name: str) -> Any: ...

else:
    AnyNetwork = Annotated[
        Union[tuple(Annotated[section, Tag(name)] for name, section in SECTIONS.items())],  # noqa: UP007
        Discriminator(
            _which,
            custom_error_type="unknown_network",
            custom_error_message=f"network.model must be one of {', '.join(SECTIONS)}",
        ),
    ]
