"""Emotions of faces in photos, videos and the camera, read by a trained network."""
