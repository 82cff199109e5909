"""Answers drawn into pictures: boxes, names, and how far each region's gate is open."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

import models
from models.regions import face_side

RADIUS = 0.042  # of a region's disc, in sides of the face
INK, PAPER = (255, 255, 255), (28, 32, 40)
OPEN = 0.5  # the gate that is yellow: hardly one is further open, and on a scale up to 1 all would look alike


def gate_colours(gates: np.ndarray) -> list[tuple[int, int, int]]:
    """RGB of gates (R,): dark violet at 0, yellow from OPEN on (viridis)."""
    steps = np.clip(np.round(gates / OPEN * 255), 0, 255).astype(np.uint8)
    colours = cv2.applyColorMap(steps[:, None], cv2.COLORMAP_VIRIDIS)[:, 0, ::-1]
    return [tuple(map(int, colour)) for colour in colours]


def draw_gates(picture: Image.Image, points: np.ndarray, gates: np.ndarray) -> None:
    """Discs at the regions of a face with points (68, 2), coloured by their gates (R,); nothing for no gates."""
    if not len(gates):
        return
    face = torch.from_numpy(np.asarray(points, np.float32))[None]
    centres, radius = models.region_points(face, len(gates))[0].tolist(), RADIUS * float(face_side(face))
    pen = ImageDraw.Draw(picture, "RGBA")
    for (x, y), colour in zip(centres, gate_colours(gates), strict=True):
        pen.ellipse(
            (x - radius, y - radius, x + radius, y + radius), (*colour, 150), (*INK, 220), max(1, round(radius / 7))
        )


def label(pen: ImageDraw.ImageDraw, lines: Sequence[str], left: float, top: float, height: int, width: int) -> None:
    """Lines of text on a dark ground above `top`, or below it where the picture ends, never beyond its right edge."""
    font = ImageFont.load_default(height)
    text, gap = "\n".join(lines), height * 0.35
    x0, y0, x1, y1 = pen.multiline_textbbox((0, 0), text, font, spacing=gap)
    up = top - (y1 - y0) - 2 * gap
    top = up if up >= 0 else top
    left = max(0.0, min(left, width - (x1 - x0) - 2 * gap))
    pen.rectangle((left, top, left + x1 - x0 + 2 * gap, top + y1 - y0 + 2 * gap), (*PAPER, 215))
    pen.multiline_text((left + gap - x0, top + gap - y0), text, INK, font, spacing=gap)


def with_legend(picture: Image.Image) -> Image.Image:
    """The picture, and below it a strip that says which colours gates have."""
    size = max(6, min(24, picture.width // 34))
    taller = Image.new("RGB", (picture.width, picture.height + 2 * size), PAPER)
    taller.paste(picture)
    pen, font = ImageDraw.Draw(taller), ImageFont.load_default(size)
    middle, at = picture.height + size, size
    for text in ("gate of a region: 0", None, f"{OPEN:g} or more"):
        if text:
            pen.text((at, middle), text, INK, font, anchor="lm")
            at += round(pen.textlength(text, font)) + size // 2
            continue
        for colour in gate_colours(np.linspace(0, OPEN, 5 * size)):
            pen.line((at, middle - size // 3, at, middle + size // 3), colour)
            at += 1
        at += size // 2
    return taller


def annotate(
    image: np.ndarray,
    faces: Sequence[tuple[tuple[int, int, int, int], np.ndarray, np.ndarray, Sequence[str]]],
) -> np.ndarray:
    """A picture uint8 (H, W, 3) with (box x y w h, points (68, 2), gates (R,), lines of text) of each face drawn on it,
    and a legend below where there are gates."""
    picture = Image.fromarray(image)
    for _, points, gates, _ in faces:
        draw_gates(picture, points, gates)
    pen = ImageDraw.Draw(picture, "RGBA")
    for (x, y, w, h), _, _, lines in faces:
        line = max(1, round(max(w, h) / 90))
        pen.rectangle((x, y, x + w, y + h), outline=(*INK, 230), width=line)
        label(pen, lines, x, y, max(11, round(max(w, h) / 9)), picture.width)
    return np.asarray(with_legend(picture) if any(len(gates) for _, _, gates, _ in faces) else picture)
