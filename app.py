"""A page in the browser, on this machine alone: drop a photo, pick a mask, read both answers.

python app.py [--num_classes 4] [--weights FILE] [--port 7860]
"""

from __future__ import annotations

import os
import sys


def main(argv: list[str] | None = None) -> int:
    """0 when the user ends it, 2 where there are no such weights."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    from prediction import server

    return server.main(argv)


if __name__ == "__main__":
    sys.exit(main())
