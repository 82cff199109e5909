"""What a command line names, as pictures one after another: photos, folders, videos, the camera."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2

from pre_processing.artefacts import InputError
from pre_processing.copies import OTHERS, SUFFIXES
from pre_processing.errors import shown
from prediction.search import Task

VIDEOS = {".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv"}
PACE = 5  # looks a second at a video
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # a damaged video gets one line, ours


def is_video(file: Path) -> bool:
    """By its name."""
    return file.suffix.lower() in VIDEOS


def list_files(named: Sequence[Path]) -> list[tuple[Path, Path]]:
    """(file, name for its annotated copy) of photos, videos and folders of them; InputError where one has nothing."""
    files: list[tuple[Path, Path]] = []
    for place in named:
        if not place.exists():
            raise InputError(f"{shown(place)}: no such file or folder; give photos, videos or folders of them")
        if place.is_file():
            files.append((place, Path(place.name)))
            continue
        if not place.is_dir():  # a named pipe would be waited for without end
            raise InputError(f"{shown(place)}: is a pipe or device; save it as a file and give that")
        seen = (file for file in sorted(place.rglob("*")) if file.is_file() and not file.name.startswith("."))
        inside = [file for file in seen if file.suffix.lower() in SUFFIXES | OTHERS | VIDEOS]
        if not inside:
            raise InputError(
                f"{shown(place)}: no photo or video there; give a folder with {', '.join(sorted(SUFFIXES))} files"
            )
        files += [(file, file.relative_to(place)) for file in inside]
    return files


def open_video(source: str | int) -> cv2.VideoCapture:
    """A video file or camera; InputError where there is none."""
    before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # OpenCV complains in lines of its own
    try:
        # As bytes: OpenCV crashes on names that are no text.
        video = cv2.VideoCapture(source if isinstance(source, int) else os.fsencode(source))
        works = video.isOpened()
    finally:
        cv2.utils.logging.setLogLevel(before)
    if works:
        return video
    if isinstance(source, int):
        raise InputError(f"no camera {source} here; connect one, give --webcam another number, or a video's file")
    raise InputError(f"{source}: not a readable video; replace or remove the file")


def pace(video: cv2.VideoCapture, every: int | None) -> int:
    """Every how many frames a video is looked at: as asked, else PACE a second."""
    rate = video.get(cv2.CAP_PROP_FPS)
    return every or (max(1, round(rate / PACE)) if 0 < rate < 1000 else 1)


def count(files: Sequence[tuple[Path, Path]], every: int | None) -> int:
    """Pictures to expect; a video's own word is taken for its length."""
    total = 0
    for file, _ in files:
        try:
            video = open_video(str(file)) if is_video(file) else None
        except InputError:
            continue
        total += 1 if video is None else -(-max(0, int(video.get(cv2.CAP_PROP_FRAME_COUNT))) // pace(video, every))
    return total


def tasks_of(files: Sequence[tuple[Path, Path]], every: int | None) -> Iterator[Task | InputError]:
    """A task for each photo and each frame that is looked at; an InputError in the place of a broken video."""
    for file, name in files:
        if not is_video(file):
            yield Task(str(file), name.as_posix())
            continue
        try:
            yield from frames(str(file), name.as_posix(), every)
        except InputError as error:
            yield error


def frames(source: str | int, name: str, every: int | None) -> Iterator[Task]:
    """Frames of a video or camera as RGB; InputError where not one can be read."""
    video = open_video(source)
    step, number, rate = pace(video, every), 0, video.get(cv2.CAP_PROP_FPS)
    while video.grab():
        if number % step == 0:
            good, image = video.retrieve()
            if good:
                seconds = round(number / rate, 3) if rate > 0 else None
                image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
                yield Task(str(source), f"{name}-{number:06d}.jpg", image, number, seconds)
        number += 1
    if not number:
        raise InputError(f"{source}: not a readable video; replace or remove the file")
