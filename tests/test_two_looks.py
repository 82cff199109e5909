"""Masked faces in photos: hidden points are replaced, and the answer is the mean of two looks."""

from __future__ import annotations

import numpy as np
import skimage.data
from small_weights import ship

import models
from prediction import network, search


def test_a_masked_face_is_looked_at_twice(tmp_path):
    predictor = network.Predictor(models.load_pretrained(ship(tmp_path) / "gacnn-lite0-7.safetensors"), "cpu")
    photo = skimage.data.astronaut()
    (face,), _ = search.find(photo, predictor.size, "cloth_dots", "astronaut.jpg")
    assert face.bare.again is None
    assert not np.array_equal(face.worn.again, face.worn.crop)
    looks = [face.worn._replace(again=None), face.worn._replace(crop=face.worn.again, again=None)]
    first, second, *both = predictor([*looks, face.bare, face.worn])
    assert not np.allclose(first.probabilities, second.probabilities, atol=1e-4)
    assert np.allclose(both[1].probabilities, (first.probabilities + second.probabilities) / 2, atol=1e-5)
    assert np.allclose(both[1].gates, first.gates, atol=1e-5)
    assert np.allclose(predictor([face.bare])[0].probabilities, both[0].probabilities, atol=1e-5)


def test_hidden_points_are_replaced_under_a_mask_that_is_put_on():
    photo = skimage.data.astronaut()
    ((face,), _) = search.find(photo, 112, "surgical_blue", "astronaut.jpg")
    assert face.masked is False
    assert not np.allclose(face.worn.points[48:], face.bare.points[48:], atol=0.5)
    assert np.allclose(face.worn.points[36:48], face.bare.points[36:48])
