"""Everything before training: databases, faces, points, masks and crops."""

import os

# A picture of a few kilobytes can say that it has a billion pixels. OpenCV reads its limit when it is first imported, so
# this stands where every module of the package comes by, and processes that are started later inherit it.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "150000000")
