"""`onedepth data index` and `data layouts`: from a data set as it was downloaded to a manifest."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onedepth.errors import ConfigError

if TYPE_CHECKING:
    from onedepth.layouts import LayoutOptions
    from onedepth.manifest.record import Record

_SHOWN_SPLITS = 12


def index(
    layout: Annotated[
        str, typer.Argument(help="How the data lie on the disk; `onedepth data layouts` lists all.")
    ],
    root: Annotated[Path, typer.Argument(help="Folder of the data set (or file, for a video).")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Manifest to write: .jsonl, .jsonl.gz or .parquet.")
    ] = Path("manifest.jsonl"),
    split: Annotated[str | None, typer.Option(help="List only this part of the data set.")] = None,
    kind: Annotated[
        str | None, typer.Option(help="What labels can teach: metric, scaled, affine or coarse.")
    ] = None,
    quantity: Annotated[
        str | None, typer.Option(help="What the numbers are: depth, distance (along the ray) or disparity.")
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(help="How labels are stored, where their suffix does not tell (png16, npy, ...)."),
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(
            help="Metres per stored step, such as 0.001, or a usual one by name: mm, cm, kitti, tum, ..."
        ),
    ] = None,
    camera: Annotated[
        Path | None, typer.Option(help="Camera file for every image, where the data set holds none.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many records.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the manifest if there is one.")
    ] = False,
) -> None:
    """List a data set in a manifest, without copying anything; training and evaluation read it from there."""
    from onedepth.apps.cli._table import print_facts
    from onedepth.files.depth_metadata import SCALES
    from onedepth.layouts import LayoutOptions, reader
    from onedepth.manifest.manifest import write_manifest

    read = reader(layout)
    if output.is_file() and not overwrite:
        raise ConfigError(f"-o {output}: exists; name another file, or add --overwrite to replace it")
    options = LayoutOptions(
        split=split,
        kind=_choice("kind", kind),  # type: ignore[arg-type]
        quantity=_choice("quantity", quantity),  # type: ignore[arg-type]
        encoding=_choice("encoding", encoding),  # type: ignore[arg-type]
        scale=None if scale is None else metres_per_step(scale),
        scale_name=scale if scale in SCALES else None,
        camera=None if camera is None else _camera(camera),
    )
    counts = Counts()
    with _counter(layout) as advance:
        records = counts.of(itertools.islice(read(root, options), limit), advance)
        write_manifest(_at_least_one(records, root, options), output)
    print_facts(str(output), counts.facts())
    for note in counts.notes():
        typer.echo(f"note: {note}")


def layouts() -> None:
    """List the layouts that `onedepth data index` reads."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from onedepth.layouts import LAYOUTS

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, what in LAYOUTS.items():
        table.add_row(name, Text(what))
    Console().print(table)


def metres_per_step(text: str) -> float:
    """Length of a stored step: a number, a fraction such as 1/256, or a usual one by name.

    Raises:
        ConfigError: It is none of these, or not above 0.
    """
    import math

    from onedepth.files.depth_metadata import SCALES

    if text in SCALES:
        return 1.0 / SCALES[text]
    over, bar, under = text.partition("/")
    try:
        value = float(over) / (float(under) if bar else 1.0)
    except (ValueError, ZeroDivisionError):
        value = math.nan
    if not 0 < value < math.inf:
        raise ConfigError(
            f"--scale is {text!r}; expected metres per step such as 0.001 or 1/256, or one of "
            f"{', '.join(SCALES)}"
        )
    return value


@dataclass
class Counts:
    """What the records of a manifest hold, counted on their way into it."""

    records: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    cameras: int = 0
    blind: int = 0  # with metres, without camera
    neighbours: int = 0
    rights: int = 0
    scenes: set[str] = field(default_factory=set)
    splits: Counter[str] = field(default_factory=Counter)

    def of(self, records: Iterable[Record], advance: Callable[[], None]) -> Iterator[Record]:
        """Pass records through, counting them."""
        for record in records:
            self.records += 1
            kind = "none" if record.label is None else record.label.kind
            self.labels[kind] += 1
            self.cameras += record.camera is not None
            self.blind += record.camera is None and kind in ("metric", "coarse")
            self.neighbours += len(record.neighbours) == 2
            self.rights += record.right is not None
            self.scenes.add(record.scene)
            self.splits[record.split or "none"] += 1
            advance()
            yield record

    def facts(self) -> dict[str, Any]:
        """Names and numbers for people."""
        splits = [f"{name} {number:,}" for name, number in self.splits.most_common(_SHOWN_SPLITS)]
        return {
            "records": f"{self.records:,}",
            "labels": [f"{kind} {number:,}" for kind, number in self.labels.most_common()],
            "with camera": f"{self.cameras:,}",
            "with both neighbours": f"{self.neighbours:,}",
            "with right view": f"{self.rights:,}",
            "scenes": f"{len(self.scenes):,}",
            "splits": splits + ["..."] * (len(self.splits) > _SHOWN_SPLITS),
        }

    def notes(self) -> Iterator[str]:
        """What will surprise somebody who trains on this."""
        if self.blind:
            yield (
                f"{self.blind:,} records with metres have no camera; metres say nothing without the focal "
                "length they were seen with, so training leaves these out (give --camera, or use them as "
                "--kind scaled)"
            )


def _at_least_one(records: Iterator[Record], root: Path, options: LayoutOptions) -> Iterator[Record]:
    from onedepth.errors import DataError

    first = next(records, None)
    if first is None:
        part = "" if options.split is None else f" of --split {options.split}"
        raise DataError(f"{root}: nothing{part} to list; nothing was written")
    yield first
    yield from records


def _choice(option: str, value: str | None) -> str | None:
    """An option's value, if the field of a label has it."""
    import difflib
    from typing import get_args

    from onedepth.manifest.record import Label

    choices = get_args(Label.model_fields[option].annotation)
    if value is None or value in choices:
        return value
    close = difflib.get_close_matches(value, choices, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(choices)}"
    raise ConfigError(f"--{option} is {value!r}; {hint}")


def _camera(path: Path) -> Any:
    from onedepth.files.cameras import read_camera

    return read_camera(path)


def _counter(what: str) -> Any:
    """A count that grows, on a terminal; elsewhere nothing."""
    import contextlib
    import sys

    if not sys.stderr.isatty():
        return contextlib.nullcontext(lambda: None)
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    @contextlib.contextmanager
    def shown() -> Iterator[Callable[[], None]]:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TextColumn("{task.completed:,.0f} records"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(what, total=None)
            yield lambda: bar.advance(task)

    return shown()
