"""The data set that people write first: Pillow opens the files, torchvision changes them. The rival of ours.

It does the work of `onedepth.data.transforms` with the default strengths: crop, resize, mirror, exposure,
contrast, gamma, white balance, saturation, and now and then blur and noise.
"""

import math
import random
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F


class PlainDataset(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Pairs of JPEG and 16-bit PNG as (3, H, W) uint8, (1, H, W) float32 metres, and the mask."""

    def __init__(self, pairs: list[tuple[Path, Path]], size: tuple[int, int], step: float) -> None:
        self.pairs, self.size, self.step = pairs, size, step

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        with Image.open(self.pairs[index][0]) as file:
            image = file.convert("RGB")
        with Image.open(self.pairs[index][1]) as file:
            depth = torch.from_numpy(np.asarray(file).astype(np.float32) * self.step)[None]
        top, left, height, width = self.window(image.width, image.height)
        size = [self.size[1], self.size[0]]
        image = F.resized_crop(image, top, left, height, width, size, InterpolationMode.BILINEAR)
        depth = F.resized_crop(depth, top, left, height, width, size, InterpolationMode.NEAREST_EXACT)
        if random.random() < 0.5:
            image, depth = F.horizontal_flip(image), F.horizontal_flip(depth)
        colours = self.recolour(image)
        mask = depth > 0
        return colours, depth, mask

    def window(self, width: int, height: int) -> tuple[int, int, int, int]:
        aspect = self.size[0] / self.size[1]
        w, h = (height * aspect, height) if width / height > aspect else (width, width / aspect)
        share, stretch = (
            (1.0, 0.0) if random.random() < 0.3 else (random.uniform(0.6, 1), random.gauss(0, 0.05))
        )
        w, h = (
            min(width, int(w * share * math.exp(stretch))),
            min(height, int(h * share * math.exp(-stretch))),
        )
        return random.randint(0, height - h), random.randint(0, width - w), h, w

    def recolour(self, image: Image.Image) -> Tensor:
        image = F.adjust_gamma(image, math.exp(random.uniform(-0.3, 0.3)))
        image = F.adjust_contrast(image, math.exp(random.uniform(-0.25, 0.25)))
        image = F.adjust_brightness(image, math.exp(random.uniform(-0.25, 0.25)))
        image = F.adjust_saturation(image, random.uniform(0.6, 1.3))
        colours = F.pil_to_tensor(image).float()
        colours *= torch.empty(3, 1, 1).uniform_(-0.1, 0.1).exp()
        if random.random() < 0.1:
            colours = F.gaussian_blur(colours, [5, 5], [random.uniform(0.3, 1.2)] * 2)
        if random.random() < 0.1:
            colours += torch.randn_like(colours) * random.uniform(1, 8)
        return colours.clamp_(0, 255).to(torch.uint8)
