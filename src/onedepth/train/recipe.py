"""The recipe of a training run: strict, so that a misspelt key is an error and not a silent default."""

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from onedepth.data.sources import SourceConfig
from onedepth.data.transforms import Augment
from onedepth.errors import ConfigError
from onedepth.networks.config import STRIDE, NetworkConfig
from onedepth.train.supervision import DEFAULT_LOSSES, LOSSES
from onedepth.train.unreadable import DataErrors

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
_ERRORS = ("abs_rel", "rmse", "log10", "silog")  # validation numbers of which less is better


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Optimiser(_Strict):
    """AdamW with a linear warm-up and a cosine decay.

    Attributes:
        lr: Peak learning rate of new layers.
        encoder_lr: Peak learning rate of the pretrained encoder.
        weight_decay: On weights; biases and normalisation parameters have none.
        warmup: Steps until the peak.
        final: Learning rate that the schedule ends at, as a share of the peak.
        clip: Largest gradient norm.
    """

    lr: Positive = 1e-3
    encoder_lr: Positive = 3e-4
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    warmup: Annotated[int, Field(ge=0)] = 200
    final: Annotated[float, Field(ge=0, le=1)] = 0.01
    clip: Positive = 1.0


class InputSize(_Strict):
    """An input size, in multiples of 32, and how often a step has it."""

    width: Annotated[int, Field(ge=STRIDE, multiple_of=STRIDE)]
    height: Annotated[int, Field(ge=STRIDE, multiple_of=STRIDE)]
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
        data_errors: How many samples may be unreadable before the run ends.
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
    data_errors: DataErrors = DataErrors()
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
            if source.losses is not None:
                _check_losses(f"sources.{source.name}.losses", source.losses, source.kind)
            self._check_source(source)
        if sum(s.weight for s in self.sources) <= 0:
            raise ValueError("sources: at least one weight must be above 0")
        if self.task == "autoencoder" and self.init is not None:
            raise ValueError("init: starts a depth network, but `task` is autoencoder")
        if self.teacher and not any("affinity" in self.losses_of(name) for name in names):
            raise ValueError("teacher: no source has the loss `affinity` that it is for")
        if self.monitor is not None:
            self._check_monitor(self.monitor)
        return self

    def _check_source(self, source: SourceConfig) -> None:
        place = f"sources.{source.name}"
        if self.task == "autoencoder" and source.kind not in ("metric", "coarse"):
            raise ValueError(f"{place}.kind: an autoencoder needs metric or coarse labels")
        if "affinity" in self.losses_of(source.name) and self.teacher is None:
            raise ValueError(f"{place}: `affinity` needs `teacher`, a trained autoencoder")
        if source.loss_weight != 1.0 and self.mixing != "weighted":
            raise ValueError(f"{place}.loss_weight: only counts with `mixing: weighted`, not {self.mixing!r}")
        for name in ("factor", "sensor"):
            if source.kind != "coarse" and getattr(source, name) != SourceConfig.model_fields[name].default:
                raise ValueError(f"{place}.{name}: is for coarse labels, not {source.kind!r}")

    def _check_monitor(self, monitor: str) -> None:
        source, _, metric = monitor.rpartition("/")
        held_out = [s.name for s in self.sources if s.holdout is not None]
        if source not in held_out:
            raise ValueError(f"monitor: source {source!r} holds nothing out; those that do: {held_out}")
        if metric.removeprefix("median_") not in _ERRORS:
            choices = f"{', '.join(_ERRORS)}, also with `median_` before"
            raise ValueError(f"monitor: {metric!r} is no error that can be watched; choose one of {choices}")
        if not self.validate_every:
            raise ValueError("monitor: there is nothing to watch while `validate_every` is 0")

    def losses_of(self, source: str) -> dict[str, float]:
        """Loss weights of a source: its own, else the recipe's for its kind, else the table's."""
        config = next(s for s in self.sources if s.name == source)
        return dict(config.losses or self.losses.get(config.kind) or DEFAULT_LOSSES[config.kind])


def _check_losses(place: str, losses: dict[str, float], kind: str) -> None:
    if not losses:
        raise ValueError(f"{place}: names no loss; leave it out for the default ones")
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
            known = _known_keys(item["loc"][:-1])
            close = difflib.get_close_matches(str(item["loc"][-1]), known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"choose one of {', '.join(known)}"
            parts.append(f"{place}: unknown key; {hint}")
        else:
            parts.append(f"{place}: {item['msg'].removeprefix('Value error, ')}" if place else item["msg"])
    return "; ".join(parts)


def _known_keys(place: tuple[int | str, ...]) -> list[str]:
    """The keys that may stand at a place in a recipe."""
    model: type[BaseModel] = Recipe
    for part in place:
        if isinstance(part, str) and part in model.model_fields:
            model = _model_in(model.model_fields[part].annotation) or model
    return sorted(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that a field of this type holds, bare, optional or in a tuple."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
