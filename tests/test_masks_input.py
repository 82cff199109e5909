"""What the masks' command is given: supplied points and boxes, which faces are searched, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mask_photos import face, folder, photo, points_file

from pre_processing import masks, photos
from pre_processing.photos import find_faces


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda lines: [lines[0].replace("x0", "x"), lines[1]], "line 1: give the columns path,x0,...,y67"),
        (lambda lines: [*lines, lines[1] + ",1"], "line 3: 138 columns instead of 137"),
        (lambda lines: [*lines, lines[1].replace("a.png", "b.png")], "line 3: no photo 'b.png'"),
        (lambda lines: [lines[0], "a.png" + ",x" * 136], "line 2: could not convert"),
        (lambda lines: [lines[0], "a.png" + ",nan" * 136], "line 2: a number is not finite"),
        (lambda lines: [lines[0], "", lines[1].replace("a.png", "../a.png")], "line 3: "),
    ],
)
def test_bad_rows_of_points_are_named_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: object, word: str
) -> None:
    source = folder(tmp_path / "in", ("a.png",))
    faces = points_file(tmp_path / "faces.csv", [("a.png", face(96))])
    faces.write_text("\n".join(change(faces.read_text().splitlines())))
    assert masks.main([str(source), str(tmp_path / "out"), "--landmarks", str(faces)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"faces.csv, {word}" in error
    assert not (tmp_path / "out").exists()


def test_bad_boxes_and_a_manifest_in_their_place_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, boxes = folder(tmp_path / "in", ("a.png",)), tmp_path / "out.csv"
    boxes.write_text("path,left,top,right,bottom\na.png,1,2,30,40\na.png,9,9,9,30\n")
    assert masks.main([str(source), str(tmp_path / "out"), "--boxes", str(boxes)]) == 2
    assert "out.csv, line 3: the box is empty" in capsys.readouterr().err
    boxes.write_text("path,left,top,right,bottom\na.png,1,2,30,40\n")
    before = boxes.read_text()
    assert masks.main([str(source / "a.png"), str(tmp_path / "out.png"), "--boxes", str(boxes)]) == 2
    assert "choose another place" in capsys.readouterr().err
    assert boxes.read_text() == before


def test_supplied_boxes_and_points_need_no_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    image = photo(96)
    monkeypatch.setattr(photos.landmarks, "detect", lambda *_, **__: pytest.fail("searched"))
    fitted = []
    monkeypatch.setattr(
        photos.landmarks,
        "fit_photo",
        lambda _, box: fitted.append(box) or photos.landmarks.Fit(face(96), 0.0, True),
    )
    (found,) = find_faces(image, boxes=[np.array([10, 10, 80, 80])])
    assert fitted[0].tolist() == [10, 10, 80, 80]
    (found,) = find_faces(image, points=[face(96)])
    assert len(fitted) == 1
    assert np.allclose(found.box, [*face(96).min(0), *face(96).max(0)])


def test_a_portrait_ends_the_search_and_a_crop_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    boxes, asked = np.array([[10, 10, 80, 80], [1, 1, 9, 9]], np.float32), []
    fit = photos.landmarks.Fit(face(96), 0.0, True)
    monkeypatch.setattr(photos.landmarks, "detect", lambda _, every=False: asked.append(every) or boxes)
    monkeypatch.setattr(photos.landmarks, "fit_photo", lambda *_: fit)
    monkeypatch.setattr(photos.landmarks, "fit_crop", lambda *_: fit)
    assert len(find_faces(photo(96), photos.EVERY)) == 2
    assert [found.box.tolist() for found in find_faces(photo(96), photos.PORTRAIT)] == [boxes[0].tolist()]
    assert asked == [True, False]
    assert [found.box.tolist() for found in find_faces(photo(96), photos.CROP)] == [[0, 0, 96, 96]]
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("source", "target", "more", "word"),
    [
        ("nowhere", "out", [], "nowhere"),
        ("empty", "out", [], "no photo"),
        ("in", "in/out", [], "outside"),
        ("in/a.png", "in", [], "original"),
        ("in/a.png", "in/a.png", [], "original"),
        ("in", "out", ["--kind", "balaclava"], "no such kind"),
        ("in", "out", ["--kind", "gone.png"], "gone.png"),
        (
            "in",
            "out",
            ["--boxes", "nowhere.csv"],
            "nowhere.csv: CSV file cannot be read (No such file or directory); check its name",
        ),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str, target: str, more: list[str], word: str
) -> None:
    (tmp_path / "empty").mkdir()
    masks.write_image(tmp_path / "in" / "a.png", photo(32))
    before = sorted(tmp_path.rglob("*"))
    assert masks.main([str(tmp_path / source), str(tmp_path / target), *more]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert word in error
    assert error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_help_names_kinds_groups_and_pictures() -> None:
    help_text = masks.build_parser().format_help()
    for name in ("surgical_blue", "respirator", "mask.png"):
        assert name in help_text
