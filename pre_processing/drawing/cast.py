"""Who is drawn and how: people, and photos of them with an expression, all from seeds."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pre_processing.drawing.points import TRAITS, UNITS
from pre_processing.emotions import HAPPY

# sRGB of skin from light to dark, and of hair.
SKINS = np.array([(250, 222, 200), (240, 200, 168), (222, 176, 136), (190, 138, 98), (145, 98, 66), (106, 71, 51)])
HAIRS = {
    "black": (30, 26, 26), "brown": (66, 46, 36), "chestnut": (98, 64, 44), "auburn": (122, 66, 40),
    "blond": (190, 152, 98), "grey": (150, 148, 146),
}  # fmt: skip
IRISES = ((70, 46, 30), (92, 64, 38), (98, 104, 66), (84, 118, 140), (110, 132, 146))
STYLES = ("short", "side", "fringe", "long", "tied", "curly", "bald")


@dataclass(frozen=True)
class Person:
    """What all photos of a person share. Colours are RGB in 0..1; traits as in points.TRAITS."""

    traits: dict[str, float] = field(default_factory=dict)
    skin: tuple[float, ...] = (0.87, 0.69, 0.53)
    lips: tuple[float, ...] = (0.75, 0.45, 0.40)
    hair: tuple[float, ...] = (0.26, 0.18, 0.14)
    brows: tuple[float, ...] = (0.26, 0.18, 0.14)
    iris: tuple[float, ...] = (0.27, 0.18, 0.12)
    style: str = "short"
    hairline: float = 0.0  # units that the hairline lies higher
    temples: float = 0.7  # 0.5..1: from a square hairline to a round one
    peak: float = 0.5  # -1..1: hairline with a dip or a peak in the middle
    volume: float = 0.12  # units that hair stands off the head
    parting: float = 0.0  # -1..1
    brow_weight: float = 1.0
    age: float = 0.3  # 0..1: depth of lasting folds
    beard: float = 0.0  # 0..1
    glasses: bool = False
    lashes: float = 0.5
    grain: int = 0  # seed of hair and skin texture


@dataclass(frozen=True)
class Photo:
    """What differs between photos of a person: expression, pose, light, camera."""

    units: dict[int, float] = field(default_factory=dict)
    lopsided: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    scale: float = 0.225  # eye distance of the mean face as a share of the image's side
    shift: tuple[float, float] = (0.0, 0.0)  # of the face, in shares of the side
    gaze: tuple[float, float] = (0.0, 0.0)
    lamp: tuple[float, float, float] = (-0.4, -0.45, 0.8)
    key: float = 0.55
    backdrop: tuple[tuple[float, ...], tuple[float, ...]] = ((0.62, 0.66, 0.70), (0.48, 0.52, 0.57))
    clothes: tuple[float, ...] = (0.25, 0.33, 0.45)
    collar: float = 0.5
    exposure: float = 1.0
    cast: tuple[float, float, float] = (1.0, 1.0, 1.0)
    blur: float = 0.0  # pixels
    noise: float = 0.0  # standard deviation in 0..255
    grain: int = 0


def make_person(seed: int, number: int) -> Person:
    """Person `number` of the crowd with this seed; the same whatever the size of the crowd."""
    rng = np.random.default_rng((seed, number, 0))
    tone = rng.uniform(0, len(SKINS) - 1)
    skin = np.array([np.interp(tone, np.arange(len(SKINS)), SKINS[:, c] / 255) for c in range(3)])
    skin = np.clip(skin * rng.uniform(0.94, 1.05) * (1, rng.uniform(0.97, 1.03), rng.uniform(0.93, 1.06)), 0, 1)
    dark = ["black"] + (["brown"] if tone > 2.5 else ["brown", "brown", "chestnut", "auburn", "blond"])
    age = rng.beta(1.4, 2.2)
    name = "grey" if age > 0.6 and rng.random() < 0.6 else dark[rng.integers(len(dark))]
    hair = np.array(HAIRS[name]) / 255 * rng.uniform(0.85, 1.15)
    redder = np.array([rng.uniform(0.84, 0.95), rng.uniform(0.60, 0.76), rng.uniform(0.62, 0.78)])
    lips = skin * redder
    style = STYLES[rng.choice(len(STYLES), p=(0.2, 0.15, 0.12, 0.23, 0.12, 0.1, 0.08))]
    bearded = style in ("short", "side", "bald") and rng.random() < 0.4
    if not bearded and rng.random() < 0.4:  # lipstick
        lips = lips * 0.45 + np.array([rng.uniform(0.6, 0.8), rng.uniform(0.1, 0.35), rng.uniform(0.2, 0.35)]) * 0.55
    return Person(
        traits={name: float(np.clip(rng.normal(), -2, 2)) for name in TRAITS},
        skin=tuple(skin),
        lips=tuple(lips),
        hair=tuple(hair),
        brows=tuple(np.minimum(hair * rng.uniform(0.7, 1.0), skin * 0.65)),
        iris=tuple(np.array(IRISES[rng.integers(2 if tone > 2.5 else len(IRISES))]) / 255),
        style=style,
        hairline=float(rng.normal(0, 0.06) + 0.1 * max(0, age - 0.5)),
        temples=float(rng.uniform(0.55, 0.95)),
        peak=float(rng.uniform(-0.6, 1)),
        volume=float(rng.uniform(0.06, 0.28)) + (0.15 if style == "curly" else 0.0),
        parting=float(rng.uniform(-0.8, 0.8)),
        brow_weight=float(rng.uniform(0.65, 1.35)),
        age=float(age),
        beard=float(rng.uniform(0.15, 0.9)) if bearded else 0.0,
        glasses=bool(rng.random() < 0.1),
        lashes=float(rng.uniform(0.2, 1.0)),
        grain=int(rng.integers(2**31)),
    )


def express(rng: np.random.Generator, emotion: int) -> dict[int, float]:
    """Strengths 0..1 of action units: those of an emotion (code 0..6), weak to full, among a little of everything."""
    units = {unit: float(abs(rng.normal(0, 0.09))) for unit in (1, 2, 4, 5, 6, 7, 9, 12, 15, 20, 23)}
    if rng.random() < 0.3:  # talking
        units[25], units[26] = float(rng.uniform(0.2, 1.0)), float(rng.uniform(0, 0.35))
    if rng.random() < 0.3:  # something of another emotion
        units[rng.choice((1, 2, 4, 5, 6, 7, 12, 15, 23)).item()] = float(rng.uniform(0.2, 0.5))
    strength = rng.uniform(0.2, 1.0)
    for unit in UNITS[emotion]:
        units[unit] = float(np.clip(strength * rng.uniform(0.5, 1.35), units.get(unit, 0.0), 1.1))
    if emotion == HAPPY and rng.random() < 0.6:  # smiles often show teeth
        units[25] = max(units.get(25, 0.0), float(strength * rng.uniform(0.5, 1.3)))
    return units


def make_photo(seed: int, number: int, index: int, emotion: int) -> Photo:
    """Photo `index` of person `number` showing an emotion (code 0..6)."""
    rng = np.random.default_rng((seed, number, 1 + index))
    azimuth, height = np.radians(rng.normal(0, 38)), np.radians(rng.uniform(5, 50))
    lamp = (np.sin(azimuth) * np.cos(height), -np.sin(height), max(np.cos(azimuth) * np.cos(height), 0.25))
    wall = rng.uniform(0.12, 0.9) + rng.normal(0, 0.04, (2, 3)) + np.array([[0.0], [rng.normal(0, 0.12)]])
    warmth = rng.normal(0, 0.04)
    return Photo(
        units=express(rng, emotion),
        lopsided=float(rng.normal(0, 0.1)),
        yaw=float(np.clip(rng.normal(0, 11), -26, 26)),
        pitch=float(np.clip(rng.normal(0, 6), -14, 14)),
        roll=float(np.clip(rng.normal(0, 6), -15, 15)),
        scale=float(rng.uniform(0.21, 0.24)),
        shift=tuple(rng.normal(0, 0.02, 2)),
        gaze=tuple(np.clip(rng.normal(0, (0.4, 0.2)), -1, 1)),
        lamp=tuple(np.array(lamp) / np.linalg.norm(lamp)),
        key=float(rng.uniform(0.3, 0.75)),
        backdrop=tuple(tuple(row) for row in np.clip(wall, 0.03, 0.97)),
        clothes=tuple(np.clip(rng.uniform(0.1, 0.85) + rng.normal(0, 0.15, 3), 0.04, 0.95)),
        collar=float(rng.uniform(0, 1)),
        exposure=float(rng.uniform(0.78, 1.12)),
        cast=(1 + warmth, 1.0, 1 - warmth),
        blur=float(abs(rng.normal(0, 0.5))),
        noise=float(rng.uniform(1, 6)),
        grain=int(rng.integers(2**31)),
    )
