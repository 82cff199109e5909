"""What the page of app.py shows: pictures of a face and its answers as HTML, self-contained."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from pre_processing.crop import apply_matrix, crop_matrix, warp
from pre_processing.meanface import hide_points
from prediction.network import Answer
from prediction.outputs import UNCERTAIN
from prediction.pictures import OPEN, draw_gates

SIDE = 360  # pixels of a picture on the page
MOST = 4  # faces of a photo, the largest ones
CSS = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
INTRO = """<header><h1>Facial emotion recognition behind face masks</h1>
<p>What a face shows, with and without a mask, in the eyes of a network trained on masked and bare faces.</p>
<p class="note"><b>Nothing leaves this machine.</b> Photos are looked at here, and deleted some minutes later or when the page ends.
<b>An expression is not a feeling</b>: the answer is what people would name the picture, and it is often wrong.
Not for decisions about people.</p></header>"""
LIGHT = "() => document.body.classList.remove('dark')"  # the pictures and bars are made for a light page
WAITING = "<p class='hint'>Drop a photo, take one with the camera, or choose an example.</p>"
LEGEND = f"""<div class='legend'>gate of each region: 0 <i></i> {OPEN:g} or more. It is how much of the region's features the network
lets through, not how important the region is.</div>"""


def picture(image: np.ndarray, title: str) -> str:
    """A figure with a picture uint8 (H, W, 3) in it."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 90])
    source = base64.b64encode(data.tobytes()).decode()
    return f"<figure><img alt='{title}' src='data:image/jpeg;base64,{source}'><figcaption>{title}</figcaption></figure>"


def pictures(photo: np.ndarray, title: str, points: np.ndarray, gates: np.ndarray, masked: bool) -> str:
    """A face with points (68, 2) as it is, and with its gates, behind a mask where the network then takes its regions to be."""
    matrix = crop_matrix(points, SIDE)
    close = warp(photo, matrix, SIDE)
    drawn = Image.fromarray(close)
    draw_gates(drawn, apply_matrix(matrix, hide_points(points) if masked else points), gates)
    return picture(close, title) + picture(np.asarray(drawn), f"{title}: gates")


def bars(names: Sequence[str], answers: Sequence[tuple[str, Answer]]) -> str:
    """Probabilities of each emotion, a bar for each answer; answers are (style, answer)."""
    rows = []
    for code, name in enumerate(names):
        tracks = "".join(
            f"<div class='track {style}'><b style='width:{100 * answer.probabilities[code]:.1f}%'></b>"
            f"<span>{100 * answer.probabilities[code]:.0f} %</span></div>"
            for style, answer in answers
        )
        rows.append(f"<div class='chance'><label>{html.escape(name)}</label><div>{tracks}</div></div>")
    return f"<div class='bars'>{''.join(rows)}</div>"


def verdict(style: str, title: str, emotion: str, chance: float, trust: str) -> str:
    """An answer in words."""
    return (
        f"<div class='verdict {style}'><small>{title}</small><strong>{html.escape(emotion)}</strong>"
        f"<em>{chance:.0%}</em><p>{html.escape(trust)}</p></div>"
    )


def message(text: str) -> str:
    """A line instead of an answer."""
    return f"<p class='hint warn'>{html.escape(text)}</p>"


def title(number: int, count: int, certain: bool) -> str:
    """Which of how many faces a card is about, and whether its points are uncertain; empty where neither is worth a word."""
    parts = [f"Face {number} of {count}"] if count > 1 else []
    return ", ".join(parts if certain else [*parts, UNCERTAIN]).capitalize()


def unshown(count: int) -> str:
    """What is said of faces for which the page has no room."""
    faces = "1 smaller face is" if count == 1 else f"{count} smaller faces are"
    return f"<p class='legend'>{faces} not shown; predict.py lists all.</p>" if count > 0 else ""


def card(verdicts: Sequence[str], pictured: Sequence[str], chart: str, title: str) -> str:
    """All there is to say about one face."""
    heading = f"<h2>{title}</h2>" if title else ""
    room = "pictures" if len(pictured) > 1 else "pictures two"
    return (
        f"<section class='face'>{heading}<div class='verdicts'>{''.join(verdicts)}</div>"
        f"<div class='{room}'>{''.join(pictured)}</div>{LEGEND}{chart}</section>"
    )
