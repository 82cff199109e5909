"""Answers of the package fer to grey photos of faces; run by peers.py in fer's own environment.

python peers_fer.py PHOTOS.npy ANSWERS.txt PADDING: photos uint8 (n, H, W), each as a whole the face box.
"""

import sys

import cv2
import numpy as np
from fer.fer import FER

NAMES = {"angry": "Angry", "disgust": "Disgust", "fear": "Fear", "happy": "Happy", "sad": "Sad", "surprise": "Surprise",
         "neutral": "Neutral"}  # fmt: skip

photos, padding = np.load(sys.argv[1]), int(sys.argv[3])
classifier = FER(offsets=(padding, padding))
box = [(0, 0, photos.shape[2], photos.shape[1])]
with open(sys.argv[2], "w") as answers:
    for photo in photos:
        (face,) = classifier.detect_emotions(cv2.cvtColor(photo, cv2.COLOR_GRAY2BGR), box)
        answers.write(NAMES[max(face["emotions"], key=face["emotions"].get)] + "\n")
