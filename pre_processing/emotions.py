"""The one place with the order of the emotions, the databases' names and every database's own codes.

A database's table lists its labels in its own order and gives our code for each; None means that faces with this label
are left out (and counted by the reader).
"""

from __future__ import annotations

from pre_processing.errors import InputError

EMOTIONS = ("Neutral", "Happy", "Angry", "Surprise", "Sad", "Fear", "Disgust")
NEUTRAL, HAPPY, ANGRY, SURPRISE, SAD, FEAR, DISGUST = range(len(EMOTIONS))
SUBSETS = (4, 7)

# Letter on the command line -> name used in the names of files and folders.
DATABASES = {"A": "AffectNet", "C": "CKplus", "R": "RAF-DB", "F": "FERPlus", "D": "Demo"}

# Codes 0, 1, 2, ...
AFFECTNET: dict[str, int | None] = {
    "neutral": NEUTRAL,
    "happy": HAPPY,
    "sad": SAD,
    "surprise": SURPRISE,
    "fear": FEAR,
    "disgust": DISGUST,
    "anger": ANGRY,
    "contempt": None,
    "none": None,
    "uncertain": None,
    "no-face": None,
}

# Codes 1, 2, 3, ...
RAFDB: dict[str, int | None] = {
    "surprise": SURPRISE,
    "fear": FEAR,
    "disgust": DISGUST,
    "happiness": HAPPY,
    "sadness": SAD,
    "anger": ANGRY,
    "neutral": NEUTRAL,
}

# Codes 0, 1, 2, ...
CKPLUS: dict[str, int | None] = {
    "neutral": NEUTRAL,
    "anger": ANGRY,
    "contempt": None,
    "disgust": DISGUST,
    "fear": FEAR,
    "happy": HAPPY,
    "sadness": SAD,
    "surprise": SURPRISE,
}

# The vote columns, in their order.
FERPLUS: dict[str, int | None] = {
    "neutral": NEUTRAL,
    "happiness": HAPPY,
    "surprise": SURPRISE,
    "sadness": SAD,
    "anger": ANGRY,
    "disgust": DISGUST,
    "fear": FEAR,
    "contempt": None,
    "unknown": None,
    "NF": None,
}

# Codes 0, 1, 2, ... of fer2013.csv; the names are those of the image folders.
FER2013: dict[str, int | None] = {
    "angry": ANGRY,
    "disgust": DISGUST,
    "fear": FEAR,
    "happy": HAPPY,
    "sad": SAD,
    "surprise": SURPRISE,
    "neutral": NEUTRAL,
}


def names(num_classes: int) -> tuple[str, ...]:
    """Names of the first 4 or all 7 emotions; InputError for another number."""
    if num_classes not in SUBSETS:
        raise InputError(f"--num_classes {num_classes}: give 4 ({', '.join(EMOTIONS[:4])}) or 7 (all emotions)")
    return EMOTIONS[:num_classes]


def by_code(table: dict[str, int | None], first: int = 0) -> dict[int, str]:
    """{the database's own code: its own label}, for a table above whose codes count up from `first`."""
    return dict(enumerate(table, first))
