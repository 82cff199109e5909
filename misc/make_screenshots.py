"""Pictures of the page for the README: ``python misc/make_screenshots.py [WEIGHTS]`` writes page.jpg and page-drawn.jpg here.

It shows scikit-image's astronaut (Eileen Collins, NASA, public domain) and a drawn person.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

from browser import PATIENCE, chromium  # noqa: E402

from prediction import server  # noqa: E402

SHOTS = (("page.jpg", "astronaut.jpg", "surgical blue"), ("page-drawn.jpg", "drawn-happy.png", "kn95"))


def shoot(address: str, folder: Path, target: Path) -> None:
    """Write the screenshots into `target`; the examples lie in `folder`."""
    with chromium() as browser:
        for name, photo, kind in SHOTS:
            page = browser.new_page(viewport={"width": 1180, "height": 900})
            page.set_default_timeout(PATIENCE)
            page.goto(address)
            page.locator("input[type=file]").first.wait_for(state="attached")
            box = page.get_by_label("Mask to put on")
            box.fill(kind)
            box.press("Enter")
            page.locator("input[type=file]").first.set_input_files(folder / photo)
            page.locator(".verdict.masked").wait_for()
            page.wait_for_timeout(3000)
            page.screenshot(path=target / name, quality=80)
            print(target / name)
            page.close()


def main() -> None:
    """Serve, shoot, stop."""
    weights = sys.argv[1] if len(sys.argv) > 1 else "gacnn-lite0-7"
    with tempfile.TemporaryDirectory() as folder:
        blocks, address = server.start(weights, Path(folder), None, wait=False)
        shoot(address, Path(folder), Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parent)
        blocks.close()


if __name__ == "__main__":
    main()
