"""The README's moving pictures, bare and masked: ``python misc/make_gifs.py`` writes unmasked.gif and masked.gif here.

Three drawn people go through the seven emotions beside scikit-image's astronaut (Eileen Collins, NASA, public domain).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from pre_processing import landmarks, render
from pre_processing.crop import crop_face
from pre_processing.drawing.points import UNITS
from pre_processing.emotions import EMOTIONS
from pre_processing.overlay import put_mask

HERE = Path(__file__).parent
PEOPLE = (4, 11, 2)
LOOKS = ({"yaw": 7}, {"yaw": -6, "pitch": 2}, {"roll": 3})  # degrees
KINDS = ("surgical_blue", "cloth_floral", "kn95")  # of the people
ASTRONAUT = ("surgical_white", "cloth_checks", "ffp2_duckbill", "bandana", "surgical_black", "cloth_dots", "n95_valve")
SIDE, BAND = 128, 20  # pixels of a face and of the line below
MOVE, HOLD, PACE = 3, 3, 180  # frames from one emotion to the next, frames that it stays, milliseconds a frame


def strengths() -> list[tuple[str, dict[int, float]]]:
    """(emotion, strength of its action units) of every frame; each emotion flows into the next."""
    frames = []
    for code, name in enumerate(EMOTIONS):
        now, after = (dict.fromkeys(UNITS[each % len(EMOTIONS)], 0.85) for each in (code, code + 1))
        frames += [(name, now)] * HOLD
        for step in range(1, MOVE):
            part = 0.5 - 0.5 * np.cos(np.pi * step / MOVE)
            units = {unit: (1 - part) * now.get(unit, 0) + part * after.get(unit, 0) for unit in {*now, *after}}
            frames.append((name if part < 0.5 else EMOTIONS[(code + 1) % len(EMOTIONS)], units))
    return frames


def person(number: int, units: dict[int, float], kind: str | None, look: dict) -> np.ndarray:
    """A drawn face (SIDE, SIDE, 3), masked where a kind is given."""
    image, points = render.draw(render.make_person(0, number), render.Photo(units=units, **look), SIDE)
    return put_mask(image, points, number, kind)[0] if kind else image


def astronaut(kind: str | None) -> np.ndarray:
    """The photographed face (SIDE, SIDE, 3), masked where a kind is given."""
    photo = skimage.data.astronaut()
    points = landmarks.fit_photo(photo).points
    worn = put_mask(photo, points, 3, kind)[0] if kind else photo
    return crop_face(worn, points, SIDE)[0]


def frame(faces: list[np.ndarray], emotion: str) -> Image.Image:
    """Faces in a row over the emotion's name."""
    picture = Image.new("RGB", (SIDE * len(faces), SIDE + BAND), "white")
    picture.paste(Image.fromarray(np.hstack(faces)))
    font = ImageFont.load_default(13)
    ImageDraw.Draw(picture).text((SIDE * 1.5, SIDE + BAND / 2), emotion, "black", font, anchor="mm")
    return picture


def write(path: Path, masked: bool) -> None:
    """All frames as one endless picture with one palette, so that still parts stay still."""
    photos = {kind: astronaut(kind) for kind in (ASTRONAUT if masked else [None])}
    frames = []
    for emotion, units in strengths():
        faces = [
            person(number, units, kind if masked else None, look)
            for number, kind, look in zip(PEOPLE, KINDS, LOOKS, strict=True)
        ]
        photo = photos[ASTRONAUT[EMOTIONS.index(emotion)] if masked else None]
        frames.append(frame([*faces, photo], emotion))
    some = Image.fromarray(np.vstack([np.asarray(each) for each in frames[:: len(frames) // 7]]))
    palette = some.quantize(255, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    flat = [each.quantize(palette=palette, dither=Image.Dither.NONE) for each in frames]
    flat[0].save(path, save_all=True, append_images=flat[1:], duration=PACE, loop=0, optimize=False)
    print(f"{path}: {len(flat)} frames, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    write(HERE / "unmasked.gif", masked=False)
    write(HERE / "masked.gif", masked=True)
