"""Let a network with metres label views of photos, as one more `metric` source of a recipe.

    python experiments/teacher_views.py fastdepth_nyu.onnx DATA -o DATA/distilled --views 12000

The teacher knows one camera (FastDepth: that of NYU Depth v2, a whole photo stretched to 224x224). Each view
is a random window of a photo, recoloured, sometimes mixed with a second one, shown to the teacher as if that
camera had taken it; its answer is the label, and that camera is the view's. So a student learns the
teacher's function from few photos, also where they show nothing that it was trained on (Beyer et al. 2022,
"Knowledge distillation: a good teacher is patient and consistent"). No view shows a held-out photo.

More sets (`--also`), more mixing (`--mixed`) and turned cameras (`--turn`) make the views more varied; their
labels become poorer, but it is the teacher's function that is learnt, not the scene.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from rich.progress import track

from onedepth.camera import Camera
from onedepth.data.sample import Pixels, Raster
from onedepth.data.sources import Holdout
from onedepth.data.transforms import Augment, fit_aspect, recolour, resize_image
from onedepth.manifest.manifest import open_records, write_manifest
from onedepth.manifest.pixels import load_image
from onedepth.manifest.record import Label, Record

TEACHER_SIZE = (224, 224)
CAMERA = Camera(width=384, height=287, fx=321.36, fy=321.31, cx=195.77, cy=152.31).resize(320, 240)
"""Of NYU Depth v2's photos without their white border."""

POOL: tuple[tuple[str, Holdout | None, float], ...] = (
    ("nyu_v2/train", Holdout(block=20, every=10), 0.6),
    ("seven_scenes/redkitchen", Holdout(block=50, every=5), 0.1),
    ("synthetic/rooms", None, 0.2),
    ("close_range", None, 0.05),
    ("tum_rgbd", None, 0.05),
)
"""Photos, what the student's recipe holds out of them, and their share of the views."""

RECOLOUR = Augment(colour=0.35, blur=0.1, noise=0.1)
MIXED = 0.3  # share of views that a second photo shines through
SMALLEST = 0.7  # linear share of a photo that a view keeps at least; the teacher's training knew zooms to 1.5
STEP = 1e-3  # metres per step of the stored labels


class Photos:
    """The photos of a data root that may be shown to the teacher, of `POOL` and of ``also`` (path, share)."""

    def __init__(self, root: Path, also: Sequence[tuple[str, float]] = (), turn: float = 0.0) -> None:
        pool = [*POOL, *((path, None, share) for path, share in also)]
        self.sets: list[list[str]] = []
        for path, holdout, _ in pool:
            records: Sequence[Record] = open_records(root / path)
            self.sets.append(
                [r.image for i, r in enumerate(records) if holdout is None or not holdout.is_held_out(i)]
            )
        shares = np.array([share for *_, share in pool])
        self.shares = shares / shares.sum()
        self.turn = turn

    def window(self, rng: np.random.Generator) -> Pixels:
        """A random window of a random photo, at the view's size, mirrored half of the time."""
        images = self.sets[int(rng.choice(len(self.sets), p=self.shares))]
        image = load_image(images[int(rng.integers(len(images)))])
        if self.turn > 0.0:
            image = roll(image, float(rng.uniform(-self.turn, self.turn)))
        height, width = image.shape[:2]
        share = rng.uniform(SMALLEST, 1.0) if rng.random() < 0.6 else 1.0
        wide, high = (round(side * share) for side in fit_aspect(width, height, CAMERA.width / CAMERA.height))
        left, top = int(rng.integers(width - wide + 1)), int(rng.integers(height - high + 1))
        view = resize_image(image[top : top + high, left : left + wide], *CAMERA.size)
        return view[:, ::-1].copy() if rng.random() < 0.5 else view


def roll(image: Pixels, degrees: float) -> Pixels:
    """A photo turned about its centre and enlarged until no corner of it is empty."""
    height, width = image.shape[:2]
    angle = np.radians(abs(degrees))
    scale = np.cos(angle) + np.sin(angle) * max(width / height, height / width)
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, scale)
    return np.asarray(cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def make_view(photos: Photos, mixed: float, rng: np.random.Generator) -> Pixels:
    """One view, (240, 320, 3) uint8 RGB."""
    view = photos.window(rng)
    if rng.random() < mixed:
        share = rng.uniform(0.1, 0.5)
        view = np.asarray(cv2.addWeighted(view, 1.0 - share, photos.window(rng), share, 0.0), np.uint8)
    return recolour(view, RECOLOUR, rng)


def ask(teacher: onnxruntime.InferenceSession, view: Pixels) -> Raster:
    """The teacher's metres for a view, (240, 320)."""
    image = resize_image(view, *TEACHER_SIZE).astype(np.float32).transpose(2, 0, 1)[None] / 255.0
    depth = np.asarray(teacher.run(None, {teacher.get_inputs()[0].name: image})[0])[0, 0]
    return np.asarray(cv2.resize(depth, CAMERA.size, interpolation=cv2.INTER_LINEAR), np.float32)


def label_views(
    teacher: Path, photos: Photos, folder: Path, count: int, *, seed: int, mixed: float = MIXED
) -> Iterator[Record]:
    """Write views and labels, and yield their records."""
    session = onnxruntime.InferenceSession(teacher, providers=["CPUExecutionProvider"])
    for index in track(range(count), description="views", total=count):
        rng = np.random.default_rng((seed, index))
        view = make_view(photos, mixed, rng)
        depth = ask(session, view)
        image, label = folder / f"{index:06d}.jpg", folder / f"{index:06d}.png"
        cv2.imwrite(str(image), view[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 93])
        cv2.imwrite(str(label), np.clip(np.rint(depth / STEP), 0, 65535).astype(np.uint16))
        yield Record(
            id=f"{index:06d}",
            image=str(image),
            label=Label(file=str(label), kind="metric", scale=STEP),
            camera=CAMERA,
            source=f"labelled by {teacher.stem}",
        )


def as_share(text: str) -> tuple[str, float]:
    """A folder and its weight beside `POOL`, of "synthetic/levels=0.05"."""
    path, _, share = text.partition("=")
    return path, float(share)


def main() -> None:
    """Label views from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("teacher", type=Path, help="ONNX file: image (1, 3, 224, 224) in [0, 1] to metres")
    parser.add_argument("data", type=Path, help="root of the photo sets")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--views", type=int, default=12000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--mixed", type=float, default=MIXED, help="share of views a second photo shines through"
    )
    parser.add_argument("--turn", type=float, default=0.0, help="degrees that a camera rolls at most")
    parser.add_argument(
        "--also", type=as_share, action="append", default=[], metavar="PATH=SHARE", help="one more set"
    )
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    out = options.out.resolve()
    photos = Photos(options.data, options.also, options.turn)
    records = label_views(options.teacher, photos, out, options.views, seed=options.seed, mixed=options.mixed)
    write_manifest(records, out / "manifest.jsonl")


if __name__ == "__main__":
    main()
