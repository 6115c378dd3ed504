"""The recipe of a training run: strict, so that a misspelt key is an error and not a silent default."""

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from onedepth.data.sources import Holdout, SourceConfig
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
        init: Checkpoint whose depth network the run starts from instead.
        pose_encoder: Encoder of the pose network, which `video` sources need.
        task: What is trained: the depth network, or the depth autoencoder that can teach it.
        teacher: Checkpoint of a trained autoencoder, for the `affinity` loss.
        mixing: How the sources' gradients are combined; see `train.step.combine`.
        sizes: Training sizes; all of the network's input sizes alike when empty.
        sources: Where samples come from.
        losses: Weight of each loss, per supervision kind; defaults in `train.supervision`.
        augment: How samples are varied.
        optimiser: Learning rates and schedule.
        ema: Decay of the moving average of the weights; 0 turns it off.
        validate_every: Steps between validations on the held-out records; 0 turns them off.
        monitor: Validation number that decides which checkpoint is the best; the lower the better.
        checkpoint_every: Steps between checkpoints.
        max_bad_steps: So many skipped steps in a row end the run.
        workers: Data loading processes.
        precision: Of the forward pass; losses and weights are always float32.
        licence: Of the weights this recipe makes; goes into model files.
    """

    name: str
    seed: int = 0
    steps: Count
    batch: Count = 16
    network: NetworkConfig = NetworkConfig()
    pretrained: bool = True
    init: str | None = None
    pose_encoder: str = "tf_efficientnet_lite0"
    task: Literal["depth", "autoencoder"] = "depth"
    teacher: str | None = None
    mixing: Literal["mean", "weighted", "pareto"] = "mean"
    sizes: tuple[InputSize, ...] = ()
    sources: tuple[SourceConfig, ...] = Field(min_length=1)
    losses: dict[str, dict[str, Positive]] = {}
    augment: Augment = Augment()
    optimiser: Optimiser = Optimiser()
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.999
    validate_every: Annotated[int, Field(ge=0)] = 500
    monitor: str | None = None
    checkpoint_every: Count = 200
    max_bad_steps: Count = 20
    workers: Annotated[int, Field(ge=0)] = 1
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    licence: str = "unspecified"

    @model_validator(mode="after")
    def _consistent(self) -> "Recipe":
        for kind, losses in self.losses.items():
            if kind not in DEFAULT_LOSSES:
                raise ValueError(f"losses.{kind}: no such kind; choose one of {sorted(DEFAULT_LOSSES)}")
            _check_losses(f"losses.{kind}", losses, kind)
        names = [s.name for s in self.sources]
        for source in self.sources:
            if names.count(source.name) > 1:
                raise ValueError(f"sources: two are named {source.name!r}")
            _check_losses(f"sources.{source.name}.losses", source.losses or {}, source.kind)
            self._check_needs(source)
        if sum(s.weight for s in self.sources) <= 0:
            raise ValueError("sources: at least one weight must be above 0")
        return self

    def _check_needs(self, source: SourceConfig) -> None:
        if self.task == "autoencoder" and source.kind not in ("metric", "coarse"):
            raise ValueError(f"sources.{source.name}.kind: an autoencoder needs metric or coarse labels")
        if "affinity" in self.losses_of(source.name) and self.teacher is None:
            raise ValueError(f"sources.{source.name}: `affinity` needs `teacher`, a trained autoencoder")

    def losses_of(self, source: str) -> dict[str, float]:
        """Loss weights of a source: its own, else the recipe's for its kind, else the table's."""
        config = next(s for s in self.sources if s.name == source)
        return dict(config.losses or self.losses.get(config.kind) or DEFAULT_LOSSES[config.kind])


def _check_losses(place: str, losses: dict[str, float], kind: str) -> None:
    for name in losses:
        if name not in LOSSES:
            close = difflib.get_close_matches(name, LOSSES, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"choose one of {sorted(LOSSES)}"
            raise ValueError(f"{place}.{name}: no such loss; {hint}")
        if kind not in LOSSES[name].accepts:
            accepts = ", ".join(sorted(LOSSES[name].accepts))
            raise ValueError(f"{place}.{name}: loss {name!r} accepts {accepts}, not {kind!r}")


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
    models = (Recipe, Optimiser, InputSize, NetworkConfig, SourceConfig, Holdout, Augment)
    return sorted({name for model in models for name in model.model_fields})
