"""predict.py and files: networks of one's own, pictures that cannot be read or written, answers that are kept all the same."""

from __future__ import annotations

import os

import cv2
import pytest
import skimage.data
from small_weights import make_checkpoint

from prediction import command


def test_a_checkpoint_of_ones_own_answers_as_its_weights_do(run, astronaut, weights, tmp_path):
    _, (face,), _, _ = run(astronaut)
    code, (own,), _, _ = run(astronaut, "--weights", weights.with_name("best.pt"))
    assert code == 0
    for name, chance in own["probabilities"].items():
        assert chance == pytest.approx(face["probabilities"][name], abs=5e-3)
    plain = make_checkpoint(tmp_path / "plain.pt", model="cnn")
    code, (other,), _, _ = run(astronaut, "--weights", plain, "--save", tmp_path / "out")
    assert code == 0
    assert other["probabilities"] != own["probabilities"]
    (tmp_path / "odd.pt").write_bytes(b"no checkpoint")
    assert run(astronaut, "--weights", tmp_path / "odd.pt")[0] == 2


def test_pictures_of_kinds_that_cannot_be_read_are_named(run, astronaut):
    for name in ("phone.HEIC", "web.jxl"):
        (astronaut.parent / name).write_bytes(b"none that OpenCV knows")
    code, faces, _, err = run(astronaut.parent)
    assert (code, len(faces)) == (1, 1)
    assert "phone.HEIC: not a readable image; convert it to .jpg (on an iPhone: " in err
    assert "web.jxl: not a readable image; replace or remove" in err


def test_a_picture_of_a_kind_that_cannot_be_written_becomes_a_png(run, astronaut, tmp_path):
    photo = tmp_path / "photo.jfif"
    cv2.imwrite(str(tmp_path / "photo.jpg"), skimage.data.astronaut()[..., ::-1])
    (tmp_path / "photo.jpg").rename(photo)
    code, faces, _, _ = run(photo, "--save", tmp_path / "out")
    assert (code, len(faces)) == (0, 1)
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["photo.jfif.png"]
    grey = tmp_path / "photo.pgm"  # which holds no colours
    cv2.imwrite(str(grey), skimage.data.astronaut()[..., 1])
    assert run(grey, "--save", tmp_path / "grey")[0] == 0
    (file,) = (tmp_path / "grey").iterdir()
    assert file.name == "photo.pgm.png"
    assert cv2.imread(str(file)) is not None


def test_answers_of_before_stay_where_nothing_was_looked_at(weights, tmp_path):
    for name in ("answers.json", "answers.csv"):
        (tmp_path / name).write_text("before")
    places = ["--json", str(tmp_path / "answers.json"), "--csv", str(tmp_path / "answers.csv")]
    assert command.main(["--webcam", "77", "--weights", str(weights), *places]) == 2
    assert {(tmp_path / name).read_text() for name in ("answers.json", "answers.csv")} == {"before"}


def test_answers_are_kept_where_a_picture_cannot_be_saved(run, astronaut, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(command, "write_image", full)
    code, faces, _, err = run(astronaut, "--save", tmp_path / "out")
    assert (code, len(faces)) == (1, 1)
    assert "No space left" in err


def test_a_table_that_cannot_be_written_is_said_before_the_search(run, astronaut, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "searched", None)
    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "a.csv", tmp_path):
        code, faces, _, err = run(astronaut, "--csv", place)
        assert (code, faces) == (2, None)
        assert str(place) in err
    assert not [*tmp_path.glob(".*")]


def test_the_table_can_go_to_the_screen_but_not_where_the_other_goes(run, astronaut, tmp_path):
    code, _, out, _ = run(astronaut, "--csv", "-")
    assert code == 0
    assert [line.split(",")[0] for line in out.splitlines()] == ["file", str(astronaut)]
    for spelling in (tmp_path / "answers.json", f"{tmp_path}/./answers.json"):
        code, _, _, err = run(astronaut, "--csv", spelling)
        assert code == 2
        assert "different files" in err


def test_annotated_pictures_do_not_lie_among_the_photos(run, astronaut):
    code, _, _, err = run(astronaut.parent, "--save", astronaut.parent / "annotated")
    assert code == 2
    assert "choose a folder outside" in err


def test_a_name_that_is_no_text_is_written_all_the_same(run, astronaut, tmp_path):
    odd = astronaut.rename(os.fsdecode(os.fsencode(astronaut.parent) + b"/caf\xe9.png"))
    code, _, out, _ = run(odd, "--csv", tmp_path / "a.csv")
    assert code == 0
    assert "caf" in out
    assert "caf\\udce9.png" in (tmp_path / "a.csv").read_text(encoding="utf-8")
