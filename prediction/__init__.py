"""Emotions of faces in photos, videos and the camera, read by a trained network."""

import pre_processing  # noqa: F401  # its limit on pictures counts where it is set before cv2 is first imported
