"""The page answers in a real browser, says what is wrong with a file, and asks the internet for nothing."""

from __future__ import annotations

import gc
import json
import re
import socket
import threading
import urllib.request
from pathlib import Path
from urllib.parse import urlparse

import numpy as np
import pytest
import skimage.data
from browser import PATIENCE, NoBrowser, chromium
from PIL import Image
from small_weights import make_checkpoint

import app
import models
from prediction.network import Predictor
from prediction.search import find
from prediction.trust import Trust
from training import weights as shipping

gradio = pytest.importorskip("gradio", reason="gradio is not installed: pip install -r requirements.txt")
pytestmark = pytest.mark.filterwarnings("default")  # gradio's own are not ours to mend
server = pytest.importorskip("prediction.server")


@pytest.fixture(scope="module")
def looks(weights) -> server.Page:
    net = models.load_pretrained(weights)
    return server.Page(Predictor(net, "cpu"), Trust(net, weights.parent))


@pytest.fixture(scope="module")
def astronaut(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("photos") / "astronaut.png"
    Image.fromarray(skimage.data.astronaut()).save(file)
    return file


def chances(text: str, style: str) -> list[float]:
    """Widths of the bars of one answer, in percent."""
    return [float(width) for width in re.findall(rf"track {style}'><b style='width:([\d.]+)%", text)]


def test_a_photo_gets_two_answers_pictures_and_bars(looks, astronaut):
    text = looks.look(str(astronaut), "surgical_blue")
    for style in ("bare", "masked"):
        assert sum(chances(text, style)) == pytest.approx(100, abs=1)
    assert chances(text, "bare") != chances(text, "masked")
    assert text.count("<img") == 4
    assert "http" not in text


def test_without_a_mask_there_is_one_answer(looks, astronaut):
    text = looks.look(str(astronaut), server.NONE)
    assert len(chances(text, "bare")) == 7
    assert not chances(text, "masked")
    assert text.count("<img") == 2


def test_a_mask_in_the_photo_is_said(looks, astronaut, tmp_path):
    _, worn = find(skimage.data.astronaut(), 112, "surgical_white")
    Image.fromarray(worn).save(tmp_path / "masked.png")
    assert "as it is, masked" in looks.look(str(tmp_path / "masked.png"), server.NONE)
    assert "as it is, masked" not in looks.look(str(astronaut), server.NONE)


def test_faces_that_have_no_room_and_points_in_doubt_are_said(looks, astronaut, monkeypatch):
    (face,), _ = find(skimage.data.astronaut(), looks.predictor.size)
    for count, said in (
        (server.page.MOST, ""),
        (5, "1 smaller face is not shown"),
        (7, "3 smaller faces are not shown"),
    ):
        faces = [face] * (count - 1) + [face._replace(box=(0, 0, 9, 9), certain=count == 7)]
        monkeypatch.setattr(server, "find", lambda photo, *_, faces=faces: (faces, photo))
        text = looks.look(str(astronaut), server.NONE)
        assert said in text
        assert ("predict.py lists all" in text) == bool(said)
        assert (f"Face {count} of {count}, points uncertain" in text) == (count == server.page.MOST)
    monkeypatch.setattr(server, "find", lambda photo, *_: ([face._replace(certain=False)], photo))
    assert "<h2>Points uncertain</h2>" in looks.look(str(astronaut), server.NONE)


def test_no_photo_no_picture_and_no_face_are_said_in_words(looks, tmp_path):
    assert "Drop a photo" in looks.look(None, "kn95")
    (tmp_path / "x.png").write_bytes(b"no picture")
    assert "not a readable image" in looks.look(str(tmp_path / "x.png"), "kn95")
    Image.fromarray(np.full((300, 300, 3), 90, np.uint8)).save(tmp_path / "wall.png")
    assert "No face was found" in looks.look(str(tmp_path / "wall.png"), "kn95")


def test_the_examples_are_found(looks, tmp_path):
    for file in server.examples(tmp_path):
        assert "class='verdict masked'" in looks.look(file, "cloth_plain"), file


def figures(folder: Path, condition: str, precision: float, **more: object) -> None:
    """metrics.json of a test of the weights that small_weights makes."""
    run = folder / f"{condition.capitalize()}Datasets/FERPlus/SevenEmotions/runs/x"
    run.mkdir(parents=True, exist_ok=True)
    names = ("Neutral", "Happy", "Angry", "Surprise", "Sad", "Fear", "Disgust")
    content = {"model": "gacnn", "backbone": "lite0", "seed": 0, "best_epoch": 9, "valid_accuracy": 0.8151964, "config": {"mirror": True},
               "test_condition": condition, "num_classes": 7, "n": 147, "accuracy": precision, "precision": dict.fromkeys(names, precision),
               "confusion": np.full((7, 7), 3).tolist(), **more}  # fmt: skip
    (run / "metrics.json").write_text(json.dumps(content))


def test_how_sure_to_be_comes_from_the_study_else_from_precision_else_is_not_known(weights, tmp_path):
    net = models.load_pretrained(weights)
    said = lambda masked: Trust(net, tmp_path).sentence("Happy", 0.83, masked)  # noqa: E731
    assert "not measured" in said(False)
    figures(tmp_path, "unmasked", 0.91)
    figures(tmp_path, "masked", 0.64, test_masks={"kinds": "seen"})
    assert said(False) == "When it said Happy, it was right on 91% of 21 bare test faces."
    assert said(True) == "When it said Happy, it was right on 64% of 21 masked test faces."
    net.provenance["mask_kinds"] = "seen,invented"
    assert "64%" in said(True)  # what it was trained on is tested in part
    cell = {"id": "a", "status": "run", "test": "bare", "model": "gacnn", "backbone": "lite0", "seed": 0, "best_epoch": 9,
            "valid_accuracy": 0.815196}  # fmt: skip
    other = cell | {"id": "b", "valid_accuracy": 0.8}
    bins = [{"low": 0.8, "high": 0.9, "n": 1200, "accuracy": 0.87}]
    study = {"cells": [{"id": "c", "status": "not run", "test": "bare"}, other, cell],
             "calibration": {"a": {"bins": bins}, "b": {"bins": [bins[0] | {"accuracy": 0.1}]}}}  # fmt: skip
    (tmp_path / "study.json").write_text(json.dumps(study))
    assert said(False) == "When it was this sure, it was right on 87% of 1,200 bare test faces."
    assert "64%" in said(True)  # the study has no masked test of it
    study["cells"].append(cell | {"id": "d", "test": "seen"})
    study["calibration"]["d"] = {"bins": [bins[0] | {"accuracy": 0.71}]}
    (tmp_path / "study.json").write_text(json.dumps(study))
    assert "71% of 1,200 masked" in said(True)
    study["two_looks"] = {"cells": {"d": {"calibration": {"bins": [bins[0] | {"accuracy": 0.77}]}}}}
    (tmp_path / "study.json").write_text(json.dumps(study))
    assert "77% of 1,200 masked" in said(True)


def test_weights_that_are_not_there_are_one_line(capsys):
    assert app.main(["--weights", "nowhere.safetensors"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_port_that_is_taken_is_one_line(weights, capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert app.main(["--weights", str(weights), "--port", str(port)]) == 2
    assert f"port {port} is taken" in capsys.readouterr().err


@pytest.fixture(scope="module")
def served(weights, tmp_path_factory):
    """(address, the machines that the server connected to)."""
    reached: set[str] = set()
    connect = socket.socket.connect

    def noted(self, address):
        if self.family != socket.AF_UNIX:
            reached.add(address[0])
        return connect(self, address)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", noted)
    patch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
    blocks, address = server.start(str(weights), tmp_path_factory.mktemp("examples"), None, wait=False)
    yield address, reached
    blocks.close()
    patch.undo()
    gc.collect()  # what gradio leaves open is warned of here, not in the middle of other tests


@pytest.fixture(scope="module")
def browser():
    try:
        with chromium() as found:
            yield found
    except NoBrowser as error:
        pytest.skip(str(error))


@pytest.fixture
def page(served, browser):
    """The page, open; `.asked` lists the addresses that it asked for."""
    tab = browser.new_page()
    tab.set_default_timeout(PATIENCE)
    tab.asked = []
    tab.on("request", lambda request: tab.asked.append(request.url))
    tab.goto(served[0])
    tab.locator("input[type=file]").first.wait_for(state="attached")
    yield tab
    tab.close()


def upload(page, file: Path) -> None:
    page.locator("input[type=file]").first.set_input_files(file)


@pytest.mark.slow
def test_it_is_served_to_this_machine_alone(served):
    assert urlparse(served[0]).hostname == server.HOST == "127.0.0.1"
    with urllib.request.urlopen(served[0]) as answer:
        assert "default-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.slow
def test_upload_choose_and_read_the_answer_and_nobody_else_is_asked(page, served, astronaut):
    upload(page, astronaut)
    page.locator(".verdict.masked").first.wait_for()
    before = page.locator(".verdict.masked small").inner_text()
    assert "surgical blue" in before
    box = page.get_by_label("Mask to put on")
    box.fill("kn95")
    box.press("Enter")
    page.get_by_text("with a mask (kn95)").wait_for()
    assert page.locator(".track.bare").count() == 7
    assert "Nothing leaves this machine" in page.inner_text("body")
    hosts = {urlparse(url).hostname for url in page.asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {server.HOST}
    assert served[1] <= {server.HOST, "localhost"}


@pytest.mark.slow
def test_what_is_no_picture_leaves_the_page_alive(page, astronaut, tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    upload(page, tmp_path / "text.png")
    page.get_by_text("not a readable image").wait_for()
    page.get_by_label("Remove Image").click()
    page.get_by_text("Drop a photo, take one").wait_for()
    upload(page, astronaut)
    page.locator(".verdict.masked").first.wait_for()


@pytest.mark.slow
def test_forty_megapixels_and_no_face(page, tmp_path):
    large = Image.fromarray(skimage.data.astronaut()).resize((6325, 6325))
    large.save(tmp_path / "large.jpg")
    upload(page, tmp_path / "large.jpg")
    page.locator(".verdict.masked").first.wait_for()
    page.reload()
    page.locator("input[type=file]").first.wait_for(state="attached")
    Image.fromarray(np.full((300, 300, 3), 90, np.uint8)).save(tmp_path / "wall.png")
    upload(page, tmp_path / "wall.png")
    page.get_by_text("No face was found").wait_for()


@pytest.mark.slow
def test_five_users_at_once_each_get_their_own_answer(served, looks, astronaut):
    from gradio_client import Client, handle_file

    kinds = ("surgical_blue", "kn95", "bandana", "cloth_dots", server.NONE)
    answers: dict[str, str] = {}

    def use(kind: str) -> None:
        # Its own five seconds are too few where five users share a busy core.
        client = Client(served[0], verbose=False, httpx_kwargs={"timeout": PATIENCE / 1000})
        answers[kind] = client.predict(handle_file(str(astronaut)), kind, api_name="/look")

    users = [threading.Thread(target=use, args=(kind,)) for kind in kinds]
    for user in users:
        user.start()
    for user in users:
        user.join(PATIENCE / 1000)
    assert {kind: chances(answers[kind], "masked") for kind in kinds} == {
        kind: chances(looks.look(str(astronaut), kind), "masked") for kind in kinds
    }


def test_four_emotions_have_four_bars(astronaut, tmp_path):
    shipping.write(make_checkpoint(tmp_path / "best.pt"), "four", tmp_path, 4)
    net = models.load_pretrained("four", tmp_path)
    text = server.Page(Predictor(net, "cpu"), Trust(net, tmp_path)).look(str(astronaut), "kn95")
    assert len(chances(text, "bare")) == len(chances(text, "masked")) == 4
