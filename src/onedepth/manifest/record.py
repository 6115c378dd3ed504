"""One line of a manifest: an image, its label and what the label means, its camera, its neighbours.

A file is named by a *locator*: a path or URL, and after `#` what to take out of a file that holds several
things (`nyu.mat#images/12`, `clip.mp4#120`, `000001.tar#room/7.jpg`). A `#` in a file's own name is written
`%23`, a `%` before `23` or `25` is written `%25`. In a manifest locators are relative to it; in memory they
are absolute.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, WithJsonSchema

from onedepth.camera import Camera
from onedepth.errors import CameraError
from onedepth.files.cameras.ours import camera_from_dict, camera_to_dict

LabelKind = Literal["metric", "scaled", "affine", "coarse"]
Quantity = Literal["depth", "distance", "disparity"]
Encoding = Literal[
    "png16",
    "png8_inverted",
    "npy",
    "npz",
    "exr",
    "pfm",
    "tiff",
    "dpt",
    "hdf5",
    "velodyne",
    "colmap",
    "float32",
    "uint16",
    "moge",
    "seven_scenes",
]

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _camera(value: Any) -> Camera:
    try:
        return value if isinstance(value, Camera) else camera_from_dict(value)
    except CameraError as error:
        raise ValueError(str(error)) from error


CameraField = Annotated[
    Camera,
    PlainValidator(_camera),
    PlainSerializer(camera_to_dict),
    WithJsonSchema({"type": "object", "description": "Camera, as a camera file of OneDepth holds it."}),
]


class Label(BaseModel):
    """Where a label lies, how it is stored, and what its numbers mean.

    Attributes:
        file: Locator of the stored raster (or point file).
        kind: What it can teach: `metric` depth in metres at the image's resolution, `scaled` depth up to one
            factor, `affine` disparity up to scale and shift, `coarse` metres at a lower resolution.
        encoding: How the file stores numbers. Of PNG 0 is not measured; `png8_inverted` stores 255 minus
            the number.
        quantity: What the numbers are: z-depth, distance along the ray, or disparity (inverse depth).
        scale: Stored number times this, plus `offset`, is in metres (1/metres for disparity) or in units.
        offset: Added after scaling.
        mask: Locator of a raster of the label's size: trusted where its value is `mask_at_least` or more.
        mask_at_least: Smallest trusted value of the mask.
        sky_at: Stored number from which on a pixel shows the sky (or the far plane of a renderer), which is
            no measurement.
        to_camera: Point files only: 3 x 4 matrix, row by row, from the sensor's to the camera's axes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Annotated[str, Field(min_length=1)]
    kind: LabelKind
    encoding: Encoding = "png16"
    quantity: Quantity = "depth"
    scale: Positive = 1.0
    offset: Finite = 0.0
    mask: Annotated[str, Field(min_length=1)] | None = None
    mask_at_least: int = 1
    sky_at: Positive | None = None
    to_camera: Annotated[tuple[Finite, ...], Field(min_length=12, max_length=12)] | None = None


class Record(BaseModel):
    """One example of a data set.

    Attributes:
        id: Unique in its manifest.
        image: Locator of the colour image.
        label: None for plain video and unlabelled images.
        camera: Intrinsics of the stored image (centres at integer + 0.5); None where they are unknown.
        scene: Records of one scene (room, drive, clip) share it; splits must not.
        split: `train`, `val`, `test`, or the data set's own name for it.
        neighbours: Locators of the images before and after, in time; none at the ends of clips.
        right: Locator of the right image of a rectified pair.
        baseline: Metres between the two views of the pair.
        pose: Camera to world, 4 x 4 row by row, OpenCV axes, in metres (or the label's units).
        time: Seconds, on any clock that the scene's records share.
        licence: Of the data.
        source: Name of the data set.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(min_length=1)]
    image: Annotated[str, Field(min_length=1)]
    label: Label | None = None
    camera: CameraField | None = None
    scene: str = ""
    split: str | None = None
    neighbours: tuple[str, ...] = ()
    right: str | None = None
    baseline: Positive | None = None
    pose: Annotated[tuple[Finite, ...], Field(min_length=16, max_length=16)] | None = None
    time: Finite | None = None
    licence: str | None = None
    source: str | None = None
