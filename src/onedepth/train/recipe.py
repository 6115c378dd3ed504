"""The recipe of a training run: strict, so that a misspelt key is an error and not a silent default."""

import difflib
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from onedepth.data.sources import SourceConfig
from onedepth.data.transforms import Augment
from onedepth.errors import ConfigError
from onedepth.networks.config import NetworkConfig
from onedepth.train.supervision import DEFAULT_LOSSES, LOSSES

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Optimiser(_Strict):
    """AdamW with a linear warm-up and a cosine decay.

    Attributes:
        lr: Peak learning rate of new layers.
        encoder_lr: Peak learning rate of the pretrained encoder.
        weight_decay: On weights; biases and normalisation parameters have none.
        warmup: Steps until the peak.
        final: Learning rate at the last step, as a share of the peak.
        clip: Largest gradient norm.
    """

    lr: Positive = 1e-3
    encoder_lr: Positive = 3e-4
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    warmup: Annotated[int, Field(ge=0)] = 200
    final: Annotated[float, Field(ge=0, le=1)] = 0.01
    clip: Positive = 1.0


class InputSize(_Strict):
    """An input size and how often a step has it."""

    width: Count
    height: Count
    weight: Positive = 1.0


class Recipe(_Strict):
    """Everything that determines a training run, apart from where the data lie.

    Attributes:
        name: Of the run and of the model.
        seed: Determines initialisation, data order and augmentation.
        steps: Optimiser steps.
        batch: Samples per step over all sources.
        network: Architecture and canonical camera.
        pretrained: Start the encoder from ImageNet weights.
        init: Checkpoint to start from instead.
        sizes: Training sizes; all of the network's input sizes alike when empty.
        sources: Where samples come from.
        losses: Weight of each loss, per supervision kind; defaults in `train.supervision`.
        augment: How samples are varied.
        optimiser: Learning rates and schedule.
        ema: Decay of the moving average of the weights; 0 turns it off.
        validate_every: Steps between validations on the held-out records; 0 turns them off.
        checkpoint_every: Steps between checkpoints.
        workers: Data loading processes.
        licence: Of the weights this recipe makes; goes into model files.
    """

    name: str
    seed: int = 0
    steps: Count
    batch: Count = 16
    network: NetworkConfig = NetworkConfig()
    pretrained: bool = True
    init: str | None = None
    sizes: tuple[InputSize, ...] = ()
    sources: tuple[SourceConfig, ...] = Field(min_length=1)
    losses: dict[str, dict[str, Positive]] = {}
    augment: Augment = Augment()
    optimiser: Optimiser = Optimiser()
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.999
    validate_every: Annotated[int, Field(ge=0)] = 500
    checkpoint_every: Count = 200
    workers: Annotated[int, Field(ge=0)] = 1
    licence: str = "unspecified"

    @model_validator(mode="after")
    def _consistent(self) -> "Recipe":
        for kind, losses in self.losses.items():
            if kind not in DEFAULT_LOSSES:
                raise ValueError(f"losses.{kind}: no such supervision kind; choose {sorted(DEFAULT_LOSSES)}")
            for name in losses:
                if name not in LOSSES:
                    raise ValueError(f"losses.{kind}.{name}: no such loss; choose one of {sorted(LOSSES)}")
                if kind not in LOSSES[name].accepts:
                    accepts = sorted(LOSSES[name].accepts)
                    raise ValueError(f"losses.{kind}.{name}: loss {name!r} accepts {accepts}, not {kind!r}")
        if sum(s.weight for s in self.sources) <= 0:
            raise ValueError("sources: at least one weight must be above 0")
        return self

    def losses_of(self, kind: str) -> dict[str, float]:
        """Loss weights of a supervision kind."""
        return dict(self.losses.get(kind, DEFAULT_LOSSES[kind]))


def read_recipe(path: Path) -> Recipe:
    """Read a recipe from YAML.

    Raises:
        ConfigError: The file is missing or not YAML, or a key is unknown, missing or out of range.
    """
    try:
        values = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML ({str(error).splitlines()[0]})") from error
    return parse_recipe(values, str(path))


def parse_recipe(values: Any, where: str) -> Recipe:
    """Check a recipe given as plain data; `where` names it in errors.

    Raises:
        ConfigError: A key is unknown, missing or out of range.
    """
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{where}: {_explain(error)}") from error


def _explain(error: ValidationError) -> str:
    parts = []
    for item in error.errors():
        place = ".".join(map(str, item["loc"]))
        if item["type"] == "extra_forbidden":
            close = difflib.get_close_matches(str(item["loc"][-1]), _known_keys(), n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            parts.append(f"{place}: unknown key{hint}")
        else:
            parts.append(f"{place}: {item['msg'].removeprefix('Value error, ')}" if place else item["msg"])
    return "; ".join(parts)


def _known_keys() -> list[str]:
    models = (Recipe, Optimiser, InputSize, NetworkConfig, SourceConfig, Augment)
    return sorted({name for model in models for name in model.model_fields})
