"""One look at one record: all it names is opened, what is wrong is named, what it holds is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from onedepth.check.cameras import camera_findings
from onedepth.check.faults import finding_of
from onedepth.check.fingerprint import difference_hash, pixel_hash, text_hash
from onedepth.check.inversion import ENOUGH, cue_texts, votes
from onedepth.check.kinds import BITS, Finding
from onedepth.check.label_facts import (
    label_facts,
    load_values,
    size_findings,
    stored_findings,
    value_findings,
)
from onedepth.check.row import Row
from onedepth.check.units import Depths, suspicion
from onedepth.errors import DataError
from onedepth.manifest.pixels import load_image
from onedepth.manifest.record import Record
from onedepth.manifest.storage import is_tar, open_file, read_bytes, split_locator

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Look:
    """What was found and measured; `row.group` and `row.split` are numbered by who collects looks."""

    row: Row
    findings: tuple[Finding, ...]


def look(record: Record) -> Look:
    """Open everything that a record names. Never raises for what is wrong with files."""
    seen = _Seen(record)
    image = seen.image()
    if record.label is not None:
        seen.label(image)
    seen.others()
    found = 0
    for finding in seen.findings:
        found |= BITS[finding.kind]
    return Look(Row(found=found, **seen.numbers), tuple(seen.findings))


def unusable_line(error: DataError) -> Look:
    """The look at a line that is no record."""
    return Look(Row(found=BITS["bad_record"]), (Finding("bad_record", " ".join(str(error).split())),))


@dataclass
class _Seen:
    """Findings and numbers as they come up."""

    record: Record
    findings: list[Finding] = field(default_factory=list)
    numbers: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.numbers["id"] = text_hash(self.record.id)
        if self.record.scene:
            self.numbers["scene"] = text_hash(self.record.scene)
        if self.record.camera is not None:
            self.numbers["fov"] = np.degrees(
                2 * np.arctan(self.record.camera.width / 2 / self.record.camera.fx)
            )

    def tried(self, action: Callable[[], Any], kind: str | None = None) -> Any:
        """The result of reading something; None, and a finding, where it cannot be read."""
        try:
            return action()
        except Exception as error:  # noqa: BLE001 - one odd file must not end the check of a million
            finding = finding_of(error)
            self.findings.append(finding if kind is None else Finding(kind, finding.message))
            return None

    def add(self, findings: Iterable[Finding]) -> None:
        """Take findings, which may read files on the way."""
        self.tried(lambda: self.findings.extend(findings))

    def image(self) -> Pixels | None:
        """Open the image, and compare the camera with it."""
        image: Pixels | None = self.tried(lambda: load_image(self.record.image))
        if image is None:
            return None
        height, width = image.shape[:2]
        across, down = difference_hash(image)
        self.numbers |= {"width": width, "height": height, "across": across, "down": down}
        self.numbers["content"] = pixel_hash(image)
        if (image[::16, ::16] == image[0, 0]).all() and (image == image[0, 0]).all():
            self.findings.append(Finding("blank_image", f"all pixels are {tuple(image[0, 0].tolist())}"))
        if self.record.camera is not None:
            self.add(camera_findings(self.record.camera, (width, height)))
        return image

    def label(self, image: Pixels | None) -> None:
        """Open the label, and weigh what it holds."""
        label, camera = self.record.label, self.record.camera
        assert label is not None
        if camera is None and label.kind in ("metric", "coarse") and label.quantity != "distance":
            self.findings.append(Finding("no_camera", f"label is {label.kind}, the camera is not known"))
        values = self.tried(lambda: load_values(self.record))
        if values is None:
            return
        self.add(stored_findings(label, camera))
        if image is not None:
            size = image.shape[1], image.shape[0]
            self.tried(lambda: size_findings(values, self.record, size))
        found = list(value_findings(values))
        self.findings += found
        facts = label_facts(values, label, camera)
        self.numbers |= vars(facts)
        if found:
            return
        if label.kind in ("metric", "coarse"):
            reason = suspicion(Depths(facts.median, facts.ground, facts.whole))
            self.findings += [] if reason is None else [Finding("unit", reason)]
        if image is not None:
            self.mistaken(values, image, disparity=label.quantity == "disparity")

    def mistaken(self, values: npt.NDArray[np.float32], image: Pixels, *, disparity: bool) -> None:
        """Weigh whether depth and disparity were mistaken."""
        signs = votes(values, image, disparity=disparity)
        self.numbers |= {"votes": signs.total, "cues": signs.cues}
        if signs.total >= ENOUGH:
            said, other = ("disparity", "depth") if disparity else ("depth", "disparity")
            text = f"said to be {said}, looks like {other}: {cue_texts(signs.cues)}"
            self.findings.append(Finding("inverted", text))

    def others(self) -> None:
        """See whether neighbours and right view are there; they are opened as records of their own."""
        for neighbour in self.record.neighbours:
            self.tried(partial(_touch, neighbour), "neighbour_missing")
        if self.record.right is not None:
            self.tried(partial(_touch, self.record.right), "right_missing")


def _touch(locator: str) -> None:
    """Open, but do not read, a file.

    Raises:
        DataError: It is not there.
    """
    path, _ = split_locator(locator)
    if is_tar(path):
        read_bytes(locator)
    else:
        open_file(path).close()
