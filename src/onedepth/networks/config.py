"""What a depth network is made of, as data: stored in recipes, checkpoints and model files."""

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

STRIDE = 32  # input sizes are multiples of it, which makes every encoder's padding a constant

Size = tuple[int, int]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class NetworkConfig(BaseModel):
    """Architecture and camera conventions of a `DepthNet`.

    Attributes:
        encoder: Name of any timm model that supports `features_only`.
        decoder: Name of a decoder in `networks.decoders.DECODERS`.
        canonical: How a photo meets the canonical camera (Metric3D). `cstm_label` resizes it to the input
            size of nearest aspect and lets the depth follow the focal length that results. `cstm_image`
            resizes it so that its focal length becomes the canonical one, as far as `pixel_budget` allows;
            where it does not, the focal length that results counts, as in `cstm_label`.
        canonical_focal: Focal length in pixels of the canonical camera at network resolution (Metric3D, f_c).
        input_sizes: (width, height) that the network is run at; a photo meets the one of nearest aspect.
        pixel_budget: `cstm_image` only: pixels that a photo may have at network resolution.
        depth_range: Smallest and largest depth in metres of the labels; its middle starts the output.
        freeze_statistics: Keep the encoder's pretrained normalisation statistics. All views of a step are
            then normalised alike, and a step does not depend on how a batch is split over processes.
        scales: Depth maps that training sees, each half as large as the one before (see
            `DepthNet.forward_scales`). More than one only serves self-supervision.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    encoder: str = "tf_efficientnet_lite0"
    decoder: str = "light"
    canonical: Literal["cstm_label", "cstm_image"] = "cstm_label"
    canonical_focal: Positive = 200.0
    input_sizes: tuple[Size, ...] = ((256, 192), (192, 256), (224, 224), (288, 160), (160, 288), (384, 128))
    pixel_budget: Annotated[int, Field(ge=STRIDE**2)] = 256 * 256
    depth_range: tuple[Positive, Positive] = (0.1, 100.0)
    freeze_statistics: bool = True
    scales: Annotated[int, Field(ge=1)] = 1

    @field_validator("input_sizes")
    @classmethod
    def _multiples(cls, sizes: tuple[Size, ...]) -> tuple[Size, ...]:
        if not sizes:
            raise ValueError("needs at least one (width, height)")
        for width, height in sizes:
            if width <= 0 or height <= 0 or width % STRIDE or height % STRIDE:
                raise ValueError(f"{width}x{height}: width and height must be positive multiples of {STRIDE}")
        return sizes

    @field_validator("depth_range")
    @classmethod
    def _ordered(cls, limits: tuple[float, float]) -> tuple[float, float]:
        if limits[0] >= limits[1]:
            raise ValueError(f"the first limit must be below the second, found {list(limits)}")
        return limits

    def input_size(self, width: int, height: int, focal: float) -> Size:
        """The size (width, height) at which the network sees a photo.

        Args:
            width: Of the photo, in pixels.
            height: Of the photo, in pixels.
            focal: Of the photo, sqrt(fx * fy), in pixels.
        """
        if self.canonical == "cstm_label":
            return self.nearest_size(width, height)
        ratio = self.canonical_focal / focal
        ratio = min(ratio, math.sqrt(self.pixel_budget / (width * height)))
        wide, high = (max(1, round(side * ratio / STRIDE)) * STRIDE for side in (width, height))
        return wide, high

    def nearest_size(self, width: int, height: int) -> Size:
        """The input size whose aspect ratio is nearest in logarithm to that of a `width` x `height` image.

        Of sizes equally near, the first: exp |log a - log b| of whole numbers makes ties exact.
        """

        def mismatch(size: Size) -> float:
            wide, tall = size[0] * height, size[1] * width
            return max(wide, tall) / min(wide, tall)

        return min(self.input_sizes, key=mismatch)
