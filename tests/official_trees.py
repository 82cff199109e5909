"""Small copies of AffectNet, RAF-DB and CK+ as their owners ship them: folders, names, label files and quirks.

Everything here is typed in from the databases' own documentation. Nothing of the readers is imported, only the renderer
that draws the pictures, so that builder and reader cannot share a misunderstanding.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from functools import lru_cache, wraps
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from pre_processing import render

DRAWN = ("Neutral", "Happy", "Angry", "Surprise", "Sad", "Fear", "Disgust")  # how the renderer numbers them


def built_once(build):
    """Drawing is slow: what a builder made with the same options before is copied."""
    kept: dict[str, tuple[tempfile.TemporaryDirectory, Tree]] = {}

    @wraps(build)
    def copy(folder: Path, *options, **named) -> Tree:
        key = repr((options, named))
        if key not in kept:
            original = tempfile.TemporaryDirectory()
            kept[key] = original, build(Path(original.name), *options, **named)
        tree = kept[key][1]
        shutil.copytree(tree.root, folder / tree.root.name)
        return tree._replace(root=folder / tree.root.name)

    return copy


class Tree(NamedTuple):
    """`faces`: {path: (emotion, official split)} that a reader must find; `left_out`: {reason: how many}."""

    root: Path
    faces: dict[str, tuple[str, str]]
    left_out: dict[str, int]


@lru_cache(maxsize=512)
def portrait(person: int, emotion: str, index: int = 0, side: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """A drawn photo, BGR (side, side, 3), and its 68 points."""
    photo = render.make_photo(5, person, index, DRAWN.index(emotion))
    image, points = render.draw(render.make_person(5, person), photo, side)
    return np.ascontiguousarray(image[:, :, ::-1]), points


def place(image: np.ndarray, points: np.ndarray, left: int, top: int, size: tuple[int, int], scale: float = 1.0):
    """The picture, scaled, on a larger one of `size` (width, height) with noise around it, and its points there."""
    rng = np.random.default_rng(int(image.sum()) % 2**32)
    canvas = cv2.resize(rng.integers(40, 200, (8, 8, 3), np.uint8), size, interpolation=cv2.INTER_CUBIC)
    part = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    canvas[top : top + part.shape[0], left : left + part.shape[1]] = part
    return canvas, (points + 0.5) * scale - 0.5 + (left, top)


def crop(image: np.ndarray, points: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The face alone, `side` pixels wide and high, and its points there."""
    low, high = points.min(0), points.max(0)
    half = 0.6 * (high - low).max()
    left, top = ((low + high) / 2 - half).clip(0).astype(int).tolist()
    part = image[top : top + int(2 * half), left : left + int(2 * half)]
    scale = np.array([side / part.shape[1], side / part.shape[0]])
    return cv2.resize(part, (side, side), interpolation=cv2.INTER_CUBIC), (points - (left, top) + 0.5) * scale - 0.5


def write(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    done, data = cv2.imencode(path.suffix.lower(), image)
    assert done
    path.write_bytes(data.tobytes())


# AffectNet's codes: 0 Neutral, 1 Happy, 2 Sad, 3 Surprise, 4 Fear, 5 Disgust, 6 Anger, 7 Contempt, 8 None, 9 Uncertain,
# 10 No-Face.
AFFECTNET = {"0": "Neutral", "1": "Happy", "2": "Sad", "3": "Surprise", "4": "Fear", "5": "Disgust", "6": "Angry"}
NOT_OURS = {"7": "contempt", "8": "none", "9": "uncertain", "10": "no-face"}
HEADER = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
ENDINGS = (".jpg", ".JPG", ".png", ".jpeg", ".tif", ".bmp", ".PNG", ".JPEG")


def affectnet_row(images: Path, number: int, code: str, folder: str) -> tuple[str, str]:
    """A photo on disk, and its line in a CSV file: (path below the images, line)."""
    name = f"{folder}/{hashlib.sha224(str(number).encode()).hexdigest()}{ENDINGS[number % len(ENDINGS)]}"
    image, points = place(*portrait(number, AFFECTNET.get(code, "Neutral")), 30 + number % 7, 24, (190, 150))
    write(images / name, image)
    (left, top), (right, bottom) = points.min(0).astype(int), points.max(0).astype(int)
    marks = ";".join(f"{value:.2f}" for value in points.ravel())
    return name, f"{name},{left},{top},{right - left},{bottom - top},{marks},{code},0.25,-0.113333"


@built_once
def affectnet_full(folder: Path, *, header: str = f"#{HEADER}", lists: str = "Manually_Annotated_file_lists") -> Tree:
    """Full release: 6 + 2 photos of each emotion, validation.csv without a header, and what is wrong with it."""
    root, faces, train, valid = folder / "AffectNet", {}, [], []
    images = root / "Manually_Annotated_Images"
    for code, emotion in AFFECTNET.items():
        for copy in range(8):
            number = 10 * int(code) + copy
            name, line = affectnet_row(images, number, code, str(1 + number % 3))
            (valid if copy > 5 else train).append(line)
            faces[f"Manually_Annotated_Images/{name}"] = emotion, "test" if copy > 5 else "train"
    for code in NOT_OURS:
        for copy in range(2):
            name, line = affectnet_row(images, 100 + 10 * int(code) + copy, code, "689")
            (valid if copy else train).append(line)
    train.append(train[3])  # the same row twice
    train.append(train[5].replace(",0,0.25", ",1,0.25"))  # another rater saw it otherwise: nobody knows who is right
    unsure = train[5].split(",")[0]
    del faces[f"Manually_Annotated_Images/{unsure}"]
    missing, line = affectnet_row(images, 300, "1", "4")
    (images / missing).unlink()
    train.append(line)
    affectnet_row(images, 301, "1", "4")  # a photo that no list names
    broken, line = affectnet_row(images, 302, "6", "4")
    (images / broken).write_bytes(b"\xff\xd8\xff\xe0 cut off")
    train.append(line)
    faces[f"Manually_Annotated_Images/{broken}"] = "Angry", "train"
    (root / lists).mkdir()
    (root / lists / "training.csv").write_text("\n".join([header] * bool(header) + train) + "\n")
    (root / lists / "validation.csv").write_text("\n".join(valid) + "\n")
    left_out = {"contempt": 2, "none": 2, "uncertain": 2, "no-face": 2, "listed twice": 2, "image missing": 1,
                "not in the CSV files": 1, "listed twice, with different expressions": 1}  # fmt: skip
    return Tree(root, faces, left_out)


@built_once
def affectnet_mini(folder: Path) -> Tree:
    """The release that the authors mail today: 224-pixel crops, a label file each, some of them with text in it."""
    root, faces, number = folder / "AffectNet", {}, 0
    for part, split, count in (("train_set", "train", 5), ("val_set", "test", 2)):
        for code, emotion in (*AFFECTNET.items(), ("7", "Neutral")):
            for _ in range(count if code != "7" else 1):
                image, points = crop(*portrait(400 + number, emotion), 224)
                write(root / part / "images" / f"{number}.jpg", image)
                notes = root / part / "annotations"
                notes.mkdir(exist_ok=True)
                as_text = number % 3 == 0
                np.save(notes / f"{number}_exp.npy", np.array(code if as_text else int(code)))
                np.save(notes / f"{number}_val.npy", np.array("-0.1" if as_text else -0.1))
                np.save(notes / f"{number}_aro.npy", np.array("0.4" if as_text else 0.4))
                np.save(notes / f"{number}_lnd.npy", points.ravel().astype(np.float64))
                if code != "7":
                    faces[f"{part}/images/{number}.jpg"] = emotion, split
                number += 1
    np.save(root / "train_set" / "annotations" / "9999_exp.npy", np.array(1))
    write(root / "train_set" / "images" / "9998.jpg", image)
    return Tree(root, faces, {"contempt": 2, "image missing": 1, "label file missing": 1})


@built_once
def affectnet_kaggle(folder: Path) -> Tree:
    """Kaggle's subset: class001 to class008 in AffectNet's order, file numbers counted over all classes."""
    root, faces, number = folder / "AffectNet", {}, 1
    classes = ("Neutral", "Happy", "Sad", "Surprise", "Fear", "Disgust", "Angry", "contempt")
    for part, split, count in (("train_class", "train", 5), ("val_class", "test", 2)):
        for place_in_order, emotion in enumerate(classes, 1):
            for _ in range(count if emotion != "contempt" else 1):
                path = f"{part}/class00{place_in_order}/image{number:07d}.jpg"
                write(root / path, crop(*portrait(500 + number, emotion.replace("contempt", "Neutral")), 224)[0])
                if emotion != "contempt":
                    faces[path] = emotion, split
                number += 1
    return Tree(root, faces, {"contempt": 2})


# RAF-DB's codes begin with 1.
RAFDB = {1: "Surprise", 2: "Fear", 3: "Disgust", 4: "Happy", 5: "Sad", 6: "Angry", 7: "Neutral"}


@built_once
def rafdb(folder: Path, images: str = "aligned") -> Tree:
    """RAF-DB: train ids of five digits, test ids of four; label lines name train_00001.jpg, without `_aligned`."""
    root, faces, lines = folder / "RAF-DB", {}, []
    for split, digits, count in (("train", 5, 5), ("test", 4, 2)):
        for number in range(count * 7):
            code = number % 7 + 1
            name = f"{split}_{number + 1:0{digits}d}"
            lines.append(f"{name}.jpg {code}")
            photo = portrait(700 + number + 100 * (split == "test"), RAFDB[code])
            if images == "aligned":
                path = f"basic/Image/aligned/{name}_aligned.jpg"
                write(root / path, crop(*photo, 100)[0])
            else:
                path = f"basic/Image/original/{name}.jpg"
                image, points = place(*photo, 50, 20, (220, 170), 1.4)
                write(root / path, image)
                boxes = root / "basic" / "Annotation" / "boundingbox"
                boxes.mkdir(parents=True, exist_ok=True)
                edges = [*points.min(0), *points.max(0)]
                (boxes / f"{name}_boundingbox.txt").write_text(" ".join(f"{edge:.6f}" for edge in edges) + "\n")
            faces[path] = RAFDB[code], split
    lines += ["train_99998.jpg 4", lines[0]]
    write(root / path.replace("test_0014", "train_99999"), crop(*photo, 100)[0])
    (root / "basic" / "EmoLabel").mkdir(parents=True)
    (root / "basic" / "EmoLabel" / "list_patition_label.txt").write_text("\r\n".join(lines) + "\r\n")
    return Tree(root, faces, {"image missing": 1, "listed twice": 1, "not in the label file": 1})


# CK+'s codes: 0 neutral, 1 anger, 2 contempt, 3 disgust, 4 fear, 5 happy, 6 sadness, 7 surprise.
CKPLUS = {1: "Angry", 3: "Disgust", 4: "Fear", 5: "Happy", 6: "Sad", 7: "Surprise"}
SUBJECTS = ("S005", "S010", "S011", "S014", "S022", "S026", "S032", "S034", "S035", "S037", "S042", "S044")
# Codes of each subject's sequences 001, 002, ...; None: an empty Emotion folder.
SEQUENCES = ((1, 3), (4, 5), (6, 7), (1, None), (3, 4), (5, 6), (7, 2), (1, 4), (3, 5), (6, 7), (4, 1), (5, 7))
FRAMES = 6


@built_once
def ckplus(folder: Path) -> Tree:
    """CK+: 12 subjects with two sequences each, of six frames that begin neutral and end at the peak."""
    root, faces = folder / "CK+", {}
    for person, (subject, codes) in enumerate(zip(SUBJECTS, SEQUENCES, strict=True)):
        for sequence, code in enumerate(codes, 1):
            names = ckplus_sequence(root, person, f"{subject}/{sequence:03d}", code)
            if code not in (None, 2):
                faces[names[0]] = "Neutral", ""
                faces.update(dict.fromkeys(names[-3:], (CKPLUS[code], "")))
        (root / "cohn-kanade-images" / subject / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (root / "cohn-kanade-images" / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (root / "Emotion" / "S005" / "001" / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (root / "Emotion" / "S999" / "001").mkdir(parents=True)  # a label whose images were not unpacked
    (root / "Emotion" / "S999" / "001" / "S999_001_00000018_emotion.txt").write_text("   3.0000000e+00\n")
    between = (FRAMES - 4) * (len(SUBJECTS) * 2 - 1)
    left_out = {"contempt": 4, "sequence without an emotion label": 1, "frame between neutral and peak": between,
                "images missing": 1}  # fmt: skip
    return Tree(root, faces, left_out)


def ckplus_sequence(root: Path, person: int, place_in_tree: str, code: int | None) -> list[str]:
    """The frames of one sequence on disk with points, and its emotion file; paths of the frames."""
    stem = place_in_tree.replace("/", "_")
    images, notes = root / "cohn-kanade-images" / place_in_tree, root / "Emotion" / place_in_tree
    marks = root / "Landmarks" / place_in_tree
    notes.mkdir(parents=True)
    marks.mkdir(parents=True)
    names = []
    for frame in range(1, FRAMES + 1):
        emotion = CKPLUS.get(code, "Neutral") if frame > 3 else "Neutral"
        size = (640, 490) if person % 2 else (640, 480)
        image, points = place(*portrait(900 + person, emotion, int(place_in_tree[-3:])), 150, 60, size, 4.0)
        if person % 5:  # most are grey, a few in colour
            image = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        image = cv2.add(image, frame)
        write(images / f"{stem}_{frame:08d}.png", image)
        text = "\n".join(f"   {x:.7e}   {y:.7e}" for x, y in points) + "\n"
        (marks / f"{stem}_{frame:08d}_landmarks.txt").write_text(text)
        names.append(f"cohn-kanade-images/{place_in_tree}/{stem}_{frame:08d}.png")
    if code is not None:
        (notes / f"{stem}_{FRAMES:08d}_emotion.txt").write_text(f"   {code:.7e}\n")
    facs = root / "FACS" / place_in_tree
    facs.mkdir(parents=True)
    (facs / f"{stem}_{FRAMES:08d}_facs.txt").write_text("   1.0000000e+00   3.0000000e+00\n")
    return names
