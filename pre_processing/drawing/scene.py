"""Everything of a photo placed in pixels of its canvas."""

from __future__ import annotations

import numpy as np

from pre_processing.drawing.canvas import Canvas, ellipse, spline
from pre_processing.drawing.cast import Person, Photo
from pre_processing.drawing.points import act, shape_face, turn

FINE = 2  # drawn this many times larger, then averaged
MIDDLE = np.array([0, 0.33])  # point of the face that lies in the middle of the photo
DARK = np.array([0.10, 0.06, 0.05])


def _arch(width: float, low: float, high: float, depth: tuple[float, float], power: float, count: int) -> np.ndarray:
    """(count, 3) points of an arch over the forehead from the viewer's left to right; depth at its ends and top."""
    t = np.linspace(0, np.pi, count)
    x = -width * np.sign(np.cos(t)) * np.abs(np.cos(t)) ** power
    rise = np.sin(t) ** power
    return np.column_stack([x, low - (low - high) * rise, depth[0] + (depth[1] - depth[0]) * rise])


def _head(person: Person, face: np.ndarray) -> dict[str, np.ndarray]:
    """Points (n, 3) around the face (68, 3) that expressions do not move."""
    width, style = float(face[16, 0]), person.style
    low = {"short": 0.05, "curly": 0.1, "tied": 0.0}.get(style, 0.22)
    drop = {"fringe": 0.42, "side": 0.10}.get(style, 0.0)
    skull = _arch(width * 1.01, 0.0, -1.55, (-0.62, -0.5), 0.85, 17)
    outer = _arch(width * 1.01 + 0.6 * person.volume, low + 0.03, -1.57 - person.volume, (-0.70, -0.5), 0.80, 21)
    line = _arch(width * 0.99, low, -1.02 - person.hairline + drop, (-0.5, 0.10), person.temples, 21)
    across = line[:, 0] / width
    outer[:, 1] -= 0.5 * person.volume * np.exp(-(((outer[:, 0] / width - person.parting) / 0.6) ** 2))
    if person.style == "side":
        line[:, 1] += 0.20 * np.exp(-(((across - 0.5 * person.parting) / 0.45) ** 2)) * (across * person.parting < 0.3)
    else:
        line[:, 1] += 0.06 * person.peak * np.cos(5 * across + person.parting)
    ear = np.array([[0.0, -0.10], [0.13, -0.16], [0.21, -0.02], [0.19, 0.22], [0.10, 0.46], [0.0, 0.58]])
    right_ear = np.column_stack([-width - ear[:, 0] + 0.02, ear[:, 1] + 0.06, np.full(6, -0.72)])
    return {"skull": skull, "hair": outer, "hairline": line, "ear_r": right_ear, "ear_l": right_ear * (-1, 1, 1)}


class Scene:
    """Everything placed in canvas pixels: `p` the 68 points, `extra` the points around, `u` pixels of a unit."""

    def __init__(self, person: Person, photo: Photo, size: int) -> None:
        self.person, self.photo, self.size = person, photo, size
        rest = shape_face(person.traits)
        face = act(rest, photo.units, photo.lopsided)
        unit = photo.scale * size
        extra = _head(person, rest)
        everything = np.concatenate([face, *extra.values()])
        flat = (turn(everything, photo.yaw, photo.pitch, photo.roll) - MIDDLE) * unit
        flat += (size - 1) / 2 + np.array(photo.shift) * size
        self.points = flat[:68].astype(np.float32)
        flat = (flat + 0.5) * FINE - 0.5
        self.p, self.u = flat[:68], unit * FINE
        ends = np.cumsum([68, *map(len, extra.values())])
        self.extra = {name: flat[a:b] for name, a, b in zip(extra, ends[:-1], ends[1:], strict=True)}
        self.canvas = Canvas(size * FINE, self.u)
        self.rng = np.random.default_rng((person.grain, photo.grain))
        roll = np.radians(photo.roll)
        self.right = np.array([np.cos(roll), np.sin(roll)]) * self.u
        self.down = np.array([-np.sin(roll), np.cos(roll)]) * self.u
        self.skin = np.array(person.skin)
        self.head: np.ndarray | None = None  # cover (side, side) of the head, once it is painted

    def at(self, origin: np.ndarray, x: float, y: float) -> np.ndarray:
        """A point x, y units right of and below `origin` in the face's own upright."""
        return origin + x * self.right + y * self.down

    def oval(self, centre: np.ndarray, across: float, down: float) -> np.ndarray:
        """Upright ellipse with half axes in units."""
        return ellipse(centre, across * self.right, down * self.down)

    def outline(self) -> np.ndarray:
        """The head's outline: jaw, then back over the skull."""
        return np.concatenate([spline(self.p[:17]), spline(self.extra["skull"][::-1])])

    def unit(self, number: int) -> float:
        """Strength of an action unit."""
        return self.photo.units.get(number, 0.0)
