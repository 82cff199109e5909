"""Tell the emotions of faces in photos, videos and the camera, with and without masks.

    python predict.py photo.jpg
    python predict.py holiday/ --save annotated --json answers.json
    python predict.py photo.jpg --put_mask surgical_blue
    python predict.py clip.mp4
    python predict.py --webcam

--help lists all options.
"""

from __future__ import annotations

import sys


def main(argv: list[str] | None = None) -> int:
    """0 done, 1 some file was broken, 2 bad input, 130 stopped by the user."""
    from prediction import command  # here, so that processes that only search faces need not load torch

    return command.main(argv)


if __name__ == "__main__":
    sys.exit(main())
