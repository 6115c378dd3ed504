"""Rooms for the failure gallery: a living room, and rooms with a mirror, a glass pane, a poster, at night."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from failures.raycast import Floats, Lamp, Material, Scene, Shape, Texture, noise, random_of

RGB = tuple[float, float, float]
Box = tuple[float, float, float]

_SPINES = [
    (0.45, 0.1, 0.08),
    (0.08, 0.14, 0.3),
    (0.1, 0.24, 0.14),
    (0.6, 0.55, 0.42),
    (0.25, 0.15, 0.08),
    (0.05,) * 3,
]
FLOOR, CEILING = 1.35, -1.25  # the camera's height is 0


def plain(colour: RGB, grain: float = 0.06, frequency: float = 60.0) -> Texture:
    """Paint, cloth or leather: one colour, with grain and slow changes."""

    def texture(points: Floats, normals: Floats) -> Floats:
        tone = 1 - grain * noise(points, frequency) - 0.08 * noise(points, 1.7)
        return np.array(colour, np.float32) * tone[:, None]

    return texture


def wood(colour: RGB, plank: float = 0.14) -> Texture:
    """Planks along z, every one of its own tone, with grain along it."""

    def texture(points: Floats, normals: Floats) -> Floats:
        across = points[:, 0] / plank
        row = np.floor(across)
        end = points[:, 2] / 1.1 + random_of(row)
        tone = 0.72 + 0.28 * random_of(row, np.floor(end))
        tone = tone * (0.8 + 0.2 * noise(points, (90, 90, 5))) * (0.9 + 0.1 * noise(points, (12, 12, 1.5)))
        gap = (np.abs(across - row - 0.5) > 0.485) | (np.abs(end - np.floor(end) - 0.5) > 0.497)
        return np.array(colour, np.float32) * np.where(gap, 0.45 * tone, tone)[:, None]

    return texture


def rug(points: Floats, normals: Floats) -> Floats:
    """Borders and diamonds in wool."""
    edge = np.minimum(1.2 - np.abs(points[:, 0]), 0.85 - np.abs(points[:, 2]))
    diamond = (np.abs(points[:, 0] * 5) % 2 + np.abs(points[:, 2] * 5) % 2) % 1.0 < 0.5
    field = np.where(diamond[:, None], (0.55, 0.16, 0.14), (0.62, 0.50, 0.36))
    border = np.where((edge * 20 % 2 < 1)[:, None], (0.16, 0.18, 0.30), (0.66, 0.58, 0.44))
    colour = np.where((edge < 0.2)[:, None], border, field)
    return (colour * (0.75 + 0.25 * noise(points, 160))[:, None]).astype(np.float32)


def books(points: Floats, normals: Floats) -> Floats:
    """Spines side by side."""
    number = np.floor(points[:, 0] / 0.032 + 1000)
    colour = np.array(_SPINES, np.float32)[(random_of(number) * len(_SPINES)).astype(int)]
    label = np.abs(points[:, 1] + 0.05) < 0.015
    gap = np.abs(points[:, 0] / 0.032 + 1000 - number - 0.5) > 0.44
    colour = np.where(label[:, None], 0.55, colour)
    return (np.where(gap[:, None], 0.04, colour) * (0.9 + 0.1 * noise(points, 80))[:, None]).astype(
        np.float32
    )


def walls(points: Floats, normals: Floats) -> Floats:
    """Inside of a room: floor boards, a white ceiling, papered walls with a skirting board."""
    floor, ceiling = normals[:, 1] < -0.5, normals[:, 1] > 0.5
    along = np.where(np.abs(normals[:, 0]) > 0.5, points[:, 2], points[:, 0])
    stripe = 1 - 0.1 * (np.floor(along / 0.09) % 2)
    paper = (
        np.array((0.62, 0.58, 0.46), np.float32) * stripe[:, None] * (1 - 0.06 * noise(points, 25))[:, None]
    )
    low = points[:, 1] > (FLOOR - CEILING) / 2 - 0.1
    paper = np.where(low[:, None], 0.78, paper)
    white = 0.8 - 0.04 * noise(points, 40)[:, None]
    return np.where(
        floor[:, None], wood((0.52, 0.34, 0.2))(points, normals), np.where(ceiling[:, None], white, paper)
    ).astype(np.float32)


def picture_of(image: Floats, width: float, height: float) -> Texture:
    """A print (h, w, 3) on a front of this size."""

    def texture(points: Floats, normals: Floats) -> Floats:
        rows, columns = image.shape[:2]
        u = np.clip((points[:, 0] / width + 0.5) * columns, 0, columns - 1).astype(int)
        v = np.clip((points[:, 1] / height + 0.5) * rows, 0, rows - 1).astype(int)
        return image[v, u]

    return texture


def box(centre: Box, size: Box, texture: Texture, **rest: float) -> Shape:
    """A box by its full size; `yaw` in degrees, `glow`, `mirror` and `clear` as in `Material`."""
    yaw = np.radians(rest.pop("yaw", 0.0))
    half = (size[0] / 2, size[1] / 2, size[2] / 2)
    return Shape(centre, Material(texture, **rest), half=half, yaw=float(yaw))


def shell(near: float, far: float, half_width: float = 2.4) -> Shape:
    """The inside of a room from z = near to far."""
    half = (half_width, (FLOOR - CEILING) / 2, (far - near) / 2)
    centre = (0.0, (FLOOR + CEILING) / 2, (near + far) / 2)
    return Shape(centre, Material(walls), half=half, inside=True)


def shelf(x: float, z: float, turn: float = 1.0) -> list[Shape]:
    """A bookcase that faces -z (turn 1) or +z (turn -1)."""
    board = wood((0.33, 0.2, 0.11), 0.3)
    parts = [
        box((x, 0.35, z), (1.2, 2.0, 0.02), board),
        *(box((x + side * 0.6, 0.35, z - turn * 0.14), (0.03, 2.0, 0.3), board) for side in (-1, 1)),
    ]
    rng = np.random.default_rng(3)
    for level in range(6):
        y = FLOOR - 0.04 - level * 0.39
        parts.append(box((x, y, z - turn * 0.14), (1.2, 0.03, 0.3), board))
        left = -0.56
        while level < 5 and left < 0.4:
            wide, high = rng.uniform(0.12, 0.4), rng.uniform(0.22, 0.33)
            wide = min(wide, 0.56 - left)
            middle = (x + left + wide / 2, y - 0.015 - high / 2, z - turn * 0.12)
            parts.append(box(middle, (wide, high, 0.2), books))
            left += wide + rng.choice([0.0, 0.08])
    return parts


def sofa(x: float, z: float, yaw: float, colour: RGB = (0.22, 0.30, 0.36)) -> list[Shape]:
    """Seat, back, arms and two cushions; faces -z before it is turned."""
    cloth = plain(colour, 0.3, 170)
    blocks: list[tuple[Box, Box, Texture]] = [
        ((0, 1.12, 0), (1.7, 0.3, 0.8), cloth),
        ((0, 0.85, 0.34), (1.7, 0.75, 0.18), cloth),
        ((-0.85, 0.98, 0), (0.18, 0.58, 0.82), cloth),
        ((0.85, 0.98, 0), (0.18, 0.58, 0.82), cloth),
        ((-0.5, 0.82, 0.18), (0.42, 0.34, 0.12), plain((0.7, 0.45, 0.12), 0.3, 120)),
        ((0.45, 0.82, 0.18), (0.42, 0.34, 0.12), plain((0.62, 0.6, 0.55), 0.3, 120)),
    ]
    c, s = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    return [
        box((x + c * cx + s * cz, y, z - s * cx + c * cz), size, texture, yaw=yaw)
        for (cx, y, cz), size, texture in blocks
    ]


def table(x: float, z: float, top: float = 0.42, size: tuple[float, float] = (0.95, 0.55)) -> list[Shape]:
    """A table of this height, with a mug, a ball and books on it."""
    board, y = wood((0.5, 0.33, 0.18), 0.2), FLOOR - top
    legs = [(x + a * (size[0] / 2 - 0.04), z + b * (size[1] / 2 - 0.04)) for a in (-1, 1) for b in (-1, 1)]
    return [
        box((x, y, z), (size[0], 0.035, size[1]), board),
        *(box((lx, y + top / 2, lz), (0.045, top, 0.045), board) for lx, lz in legs),
        box((x - 0.2, y - 0.04, z), (0.24, 0.045, 0.17), plain((0.5, 0.1, 0.1)), yaw=20),
        box((x - 0.2, y - 0.075, z), (0.2, 0.03, 0.15), plain((0.12, 0.2, 0.4)), yaw=-8),
        Shape((x + 0.22, y - 0.085, z - 0.05), Material(plain((0.75, 0.35, 0.05), 0.3, 250)), radius=0.07),
    ]


def plant(x: float, z: float) -> list[Shape]:
    """A pot and leaves."""
    rng = np.random.default_rng(5)
    leaf = Material(plain((0.12, 0.3, 0.08), 0.6, 60))
    places = rng.normal(0, (0.13, 0.17, 0.13), (14, 3)) + np.array((x, 0.55, z))
    leaves = [Shape((float(a), float(b), float(c)), leaf, radius=0.1) for a, b, c in places]
    return [box((x, 1.17, z), (0.3, 0.36, 0.3), plain((0.55, 0.28, 0.17))), *leaves]


def window(x: float, z: float) -> list[Shape]:
    """Daylight in a frame on a side wall."""
    pane = (0.02, 1.1, 1.3)
    frame = plain((0.85, 0.85, 0.83))
    bars = [
        ((0, -0.58, 0), (0.06, 0.06, 1.42)),
        ((0, 0.58, 0), (0.06, 0.06, 1.42)),
        ((0, 0, 0), (0.05, 1.1, 0.04)),
    ]
    posts = [((0, 0, side * 0.68), (0.06, 1.22, 0.06)) for side in (-1, 1)]
    return [
        box((x, -0.25, z), pane, plain((0.8, 0.9, 1.0)), glow=1.5),
        *(box((x + a, -0.25 + b, z + c), size, frame) for (a, b, c), size in (*bars, *posts)),
    ]


CEILING_LAMP = Lamp((0.0, CEILING + 0.05, 2.4), ((0.35, 0, 0), (0, 0, 0.35)), (2.6, 2.2, 1.6))
DAYLIGHT = Lamp((2.3, -0.25, 2.2), ((0, 0.55, 0), (0, 0, 0.65)), (2.6, 3.0, 3.6))


@dataclass(frozen=True)
class View:
    """What is photographed: `subject` are the indices of the shapes that make the photo hard, if any."""

    scene: Scene
    subject: tuple[int, ...] = ()
    place: Box = (0.0, 0.0, 0.0)
    pitch: float = 6.0
    yaw: float = 0.0


def living_room(extra: Sequence[Shape] = (), far: float = 4.6) -> Scene:
    """A furnished room; extra shapes come first, so that their indices are known."""
    shapes = [
        *extra,
        shell(-3.2, far),
        box((0.1, FLOOR - 0.006, 2.6), (2.4, 0.012, 1.7), rug),
        *sofa(-1.45, 2.9, -62),
        *table(0.15, 2.5),
        *shelf(0.9, far - 0.03),
        *plant(1.95, 3.6),
        *window(2.38, 2.2),
        *sofa(1.2, -2.4, 180, (0.42, 0.2, 0.16)),
        *shelf(-1.2, -3.16, turn=-1.0),
    ]
    return Scene(shapes, (CEILING_LAMP, DAYLIGHT))


def room() -> View:
    """Nothing special: what the other rows are to be compared with."""
    return View(living_room())


def mirror() -> View:
    """A large mirror in a frame on the wall opposite."""
    glass = box((-0.1, -0.1, 3.16), (1.9, 1.75, 0.02), plain((0.9, 0.95, 0.93)), mirror=0.92)
    frame = [box((-0.1, -0.1, 3.185), (2.06, 1.91, 0.03), wood((0.3, 0.2, 0.1), 0.1))]
    shapes = [
        glass,
        *frame,
        shell(-3.2, 3.2),
        box((-0.1, 1.05, 3.0), (1.6, 0.6, 0.38), wood((0.42, 0.28, 0.16), 0.25)),
        box((-0.6, 0.66, 3.0), (0.16, 0.18, 0.14), plain((0.3, 0.4, 0.5))),
        *plant(1.7, 2.7),
        *window(2.38, 0.2),
        *sofa(0.9, -2.2, 150, (0.42, 0.2, 0.16)),
        *shelf(-0.9, -3.16, turn=-1.0),
        *table(-0.4, -1.0),
    ]
    daylight = replace(DAYLIGHT, centre=(2.3, -0.25, 0.2))
    lamp = replace(CEILING_LAMP, centre=(0.0, CEILING + 0.05, 0.6))
    return View(Scene(shapes, (lamp, daylight)), (0,), place=(0.35, 0.0, 0.3), yaw=-6, pitch=3)


def glass() -> View:
    """A clean pane across the room, 1.4 m away, in a metal frame."""
    pane = box((0.35, 0.05, 1.4), (1.7, 2.55, 0.008), plain((0.6, 0.75, 0.7)), clear=0.88, mirror=0.07)
    steel = plain((0.2, 0.2, 0.21))
    frame = [box((0.35 + side * 0.85, 0.05, 1.4), (0.05, 2.6, 0.05), steel) for side in (-1, 1)]
    return View(living_room([pane, *frame]), (0,))


def poster(image: Floats) -> View:
    """A large print of another room on the wall, 3 m away."""
    print_ = box((0.0, -0.12, 2.17), (2.3, 1.7, 0.02), picture_of(image, 2.3, 1.7))
    frame = box((0.0, -0.12, 2.185), (2.42, 1.82, 0.02), plain((0.05, 0.05, 0.05)))
    shapes = [
        print_,
        frame,
        shell(-3.2, 2.2),
        box((0.0, 1.12, 1.98), (2.2, 0.46, 0.4), wood((0.45, 0.3, 0.17), 0.25)),
        *window(2.38, 0.8),
    ]
    lamp = replace(CEILING_LAMP, centre=(0.0, CEILING + 0.05, 0.6))
    daylight = replace(DAYLIGHT, centre=(2.3, -0.25, 0.8))
    return View(Scene(shapes, (lamp, daylight)), (0,), place=(0.2, 0.0, -0.75), pitch=4, yaw=3)


def corridor() -> View:
    """What the poster shows: a deep hall with doors and a window at its end."""
    doors = [
        box((side * 1.18, 0.3, z), (0.06, 2.1, 0.9), wood((0.36, 0.2, 0.12), 0.3))
        for side in (-1, 1)
        for z in (3.0, 5.4, 8.0, 11.0)
    ]
    end = box((0, -0.1, 13.9), (1.1, 1.3, 0.02), plain((0.8, 0.9, 1.0)), glow=1.6)
    shapes = [
        shell(-1.0, 14.0, 1.2),
        *doors,
        end,
        *plant(-0.8, 6.6),
        box((0.0, FLOOR - 0.006, 6.0), (1.0, 0.012, 9.0), plain((0.4, 0.12, 0.1), 0.3, 120)),
    ]
    lamps = [replace(CEILING_LAMP, centre=(0.0, CEILING + 0.05, z)) for z in (2.0, 6.0, 10.0)]
    return View(Scene(shapes, lamps), pitch=4)


def close_up() -> View:
    """A ball on a table, 0.15 m from the lens."""
    ball = Shape((0.02, 0.0, 0.185), Material(plain((0.85, 0.8, 0.15), 0.6, 700)), radius=0.035)
    top = box((0.0, 0.045, 0.4), (1.4, 0.02, 1.0), wood((0.5, 0.33, 0.18), 0.09))
    cup = box((-0.12, -0.02, 0.42), (0.08, 0.11, 0.08), plain((0.2, 0.35, 0.5)), yaw=25)
    room = living_room()
    return View(replace(room, shapes=[ball, top, cup, *room.shapes]), (0, 1), pitch=10)


def night() -> View:
    """The living room with one far street lamp instead of daylight."""
    room = living_room()
    dark = [
        replace(shape, material=replace(shape.material, glow=0.02)) if shape.material.glow else shape
        for shape in room.shapes
    ]
    street = replace(DAYLIGHT, colour=(0.05, 0.04, 0.025))
    return View(replace(room, shapes=dark, lamps=(street,), ambient=(0.0012, 0.0013, 0.002)))
