"""From a recipe to the networks of a run."""

from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import nn

from onedepth.errors import ConfigError
from onedepth.networks.autoencoder import DepthAutoencoder
from onedepth.networks.checkpoint import load_autoencoder, load_checkpoint
from onedepth.networks.depthnet import DepthNet
from onedepth.networks.pose import PoseNet
from onedepth.train.recipe import Recipe
from onedepth.train.system import AutoencoderSystem, System

_SIZES = ("input_sizes", "pixel_budget")  # of a network's configuration: what its weights do not depend on


@dataclass(frozen=True)
class Run:
    """The networks of a run.

    Attributes:
        system: All that is trained.
        main: The network the run is for; its moving average is kept.
        parts: Networks by their name in checkpoints.
    """

    system: System | AutoencoderSystem
    main: nn.Module
    parts: dict[str, nn.Module]


def build_run(recipe: Recipe, fabric: Fabric) -> Run:
    """Build the networks of a recipe on the device of a run, the same on every process.

    Raises:
        OneDepthError: A checkpoint cannot be used, or holds another network than the recipe.
    """
    run = _autoencoder_run() if recipe.task == "autoencoder" else _depth_run(recipe, fabric.device)
    if fabric.world_size > 1 and fabric.device.type == "cuda" and not recipe.network.freeze_statistics:
        nn.SyncBatchNorm.convert_sync_batchnorm(run.system)  # type: ignore[no-untyped-call]
    run.system.to(fabric.device)
    for part in run.parts.values():
        part.to(memory_format=torch.channels_last)
    return run


def _autoencoder_run() -> Run:
    autoencoder = DepthAutoencoder()
    return Run(AutoencoderSystem(autoencoder), autoencoder, {"autoencoder": autoencoder})


def _depth_run(recipe: Recipe, device: torch.device) -> Run:
    depth = _start(recipe)
    parts: dict[str, nn.Module] = {"network": depth}
    pose = None
    if any(s.kind == "video" for s in recipe.sources):
        pose = PoseNet(recipe.pose_encoder, pretrained=recipe.pretrained)
        parts["pose"] = pose
    teacher = load_autoencoder(recipe.teacher).to(device) if recipe.teacher else None
    return Run(System(depth, pose, teacher), depth, parts)


def _start(recipe: Recipe) -> DepthNet:
    if recipe.init is None:
        return DepthNet(recipe.network, pretrained=recipe.pretrained)
    network = load_checkpoint(recipe.init)
    sizes = {name: getattr(recipe.network, name) for name in _SIZES}
    network.config = network.config.model_copy(update=sizes)
    if network.config != recipe.network:
        wanted = network.config.model_dump(mode="json", exclude_defaults=True)
        raise ConfigError(
            f"init: {recipe.init} holds another network than the recipe; give the recipe `network: {wanted}`"
        )
    return network
