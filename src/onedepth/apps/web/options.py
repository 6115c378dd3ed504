"""What a client may ask for, as the query of `POST /v1/depth`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Format = Literal["png16", "npz", "exr", "tiff", "pfm", "ply", "glb", "picture", "json"]
Colormap = Literal["Spectral_r", "turbo", "magma", "gray"]

Point = Annotated[str, Field(pattern=r"^\d{1,6}(\.\d{1,6})?,\d{1,6}(\.\d{1,6})?$", examples=["320,240"])]


class DepthOptions(BaseModel):
    """The query of `POST /v1/depth`."""

    model_config = ConfigDict(extra="forbid")

    format: Format = Field("png16", description="File format of the answer, or json for numbers only.")
    focal: float | None = Field(
        None,
        ge=1,
        le=1e6,
        allow_inf_nan=False,
        description="Focal length in pixels of the upright photo. Without it: EXIF, else 28 mm equivalent.",
    )
    fov: float | None = Field(
        None, ge=0.1, le=170, allow_inf_nan=False, description="Horizontal field of view in degrees."
    )
    side: int | None = Field(
        None, ge=16, le=20000, description="Longest side of the answer in pixels; larger maps are thinned."
    )
    vertices: int | None = Field(None, ge=100, le=2_000_000, description="At most so many points (ply, glb).")
    colormap: Colormap = Field("Spectral_r", description="Colours of a picture.")
    bar: bool = Field(True, description="Scale bar beside a picture.")
    point: list[Point] = Field(
        [],
        max_length=64,
        description="x,y in pixels of the answer's map; json tells their metres, and of two also the length.",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> DepthOptions:
        if self.focal is not None and self.fov is not None:
            raise ValueError("focal and fov both tell the focal length; give one of them")
        if self.point and self.format != "json":
            raise ValueError("point is for format=json")
        if self.vertices is not None and self.format not in ("ply", "glb"):
            raise ValueError("vertices is for format=ply and format=glb")
        return self

    def points(self) -> list[tuple[float, float]]:
        """The points, (x, y) in pixels."""
        pairs = (point.split(",") for point in self.point)
        return [(float(x), float(y)) for x, y in pairs]
