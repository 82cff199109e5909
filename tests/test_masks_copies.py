"""mask_all: a masked copy of every face, going on after a cut, and the manifest that freezes them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from mask_photos import contents, face, photo

from pre_processing import copies, manifest, masks
from pre_processing.artefacts import InputError
from pre_processing.masks import face_seed, manifest_checksum, mask_all


@pytest.fixture
def faces(tmp_path: Path) -> tuple[Path, dict[str, np.ndarray]]:
    """Root and points of six grey faces of 48 px."""
    points = {}
    for number in range(6):
        path = f"part{number % 2}/{number}.png"
        masks.write_image(tmp_path / "faces" / path, photo(48, 0, number))
        points[path] = face(48)
    return tmp_path / "faces", points


def test_a_copy_for_every_path_and_an_interrupted_run_goes_on(
    faces: tuple[Path, dict], tmp_path: Path, drawn: list[int]
) -> None:
    (root, points), out = faces, tmp_path / "masked"
    before = contents(root)
    whole = mask_all(root, out, points, seed=1, jobs=1)
    assert list(whole["path"]) == sorted(points)
    assert contents(root) == before
    copied = contents(out)
    assert set(copied) == {*points, "manifest.csv"}
    assert cv2.imread(str(out / "part0/0.png"), cv2.IMREAD_UNCHANGED).ndim == 2
    (out / "part1/1.png").unlink()
    drawn.clear()
    again = mask_all(root, out, points, seed=1, jobs=1)
    assert drawn == [face_seed(1, "part1/1.png")]
    pd.testing.assert_frame_equal(whole, again)
    assert contents(out) == copied
    mask_all(root, out, points, seed=2, jobs=1)
    assert len(drawn) == 7
    assert contents(out) != copied


def test_another_drawing_or_other_points_make_masks_again(
    faces: tuple[Path, dict], tmp_path: Path, drawn: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, points = faces
    mask_all(root, tmp_path / "out", points, jobs=1)
    drawn.clear()
    mask_all(root, tmp_path / "out", {**points, "part0/0.png": face(48, 1.0)}, jobs=1)
    assert drawn == [face_seed(0, "part0/0.png")]
    monkeypatch.setattr(copies, "DRAWING", copies.DRAWING + 1)
    mask_all(root, tmp_path / "out", points, jobs=1)
    assert len(drawn) == 7


def test_a_replaced_photo_makes_its_mask_again(faces: tuple[Path, dict], tmp_path: Path, drawn: list[int]) -> None:
    root, points = faces
    mask_all(root, tmp_path / "out", points, jobs=1)
    drawn.clear()
    masks.write_image(root / "part0/0.png", photo(64, 0))
    mask_all(root, tmp_path / "out", points, jobs=1)
    assert drawn == [face_seed(0, "part0/0.png")]


def test_group_is_what_was_asked_for_and_kind_what_is_worn(faces: tuple[Path, dict], tmp_path: Path) -> None:
    root, points = faces
    table = mask_all(root, tmp_path / "out", points, kind="kn95,bandana", jobs=1)
    assert set(table["group"]) == {"kn95,bandana"}
    assert set(table["kind"]) == {"kn95", "bandana"}
    with pytest.raises(InputError, match="balaclava"):
        mask_all(root, tmp_path / "out", points, kind="balaclava", jobs=1)


def test_an_error_keeps_what_was_done(
    faces: tuple[Path, dict], tmp_path: Path, drawn: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    (root, points), out = faces, tmp_path / "out"
    monkeypatch.setattr(masks, "CHUNK", 2)
    monkeypatch.setattr(manifest, "SHARE", 1e9)  # only the first chunk is written while the run goes on
    (root / "part1/5.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"5\.png"):
        mask_all(root, out, points, jobs=1)
    assert len(manifest.read(out / "manifest.csv")) == 4
    masks.write_image(root / "part1/5.png", photo(48, 0))
    drawn.clear()
    mask_all(root, out, points, jobs=1)
    assert sorted(drawn) == sorted(face_seed(0, path) for path in ("part1/3.png", "part1/5.png"))


def test_a_bare_face_never_lies_among_the_masked(faces: tuple[Path, dict], tmp_path: Path, drawn: list[int]) -> None:
    (root, points), out = faces, tmp_path / "out"
    mask_all(root, out, points, jobs=1)
    nowhere = {**points, "part0/0.png": np.zeros((68, 2))}
    table = mask_all(root, out, nowhere, jobs=1).set_index("path")
    assert table.loc["part0/0.png", ["placement", "reason"]].tolist() == ["none", copies.NO_PLACE]
    assert not (out / "part0/0.png").exists()
    drawn.clear()
    mask_all(root, out, nowhere, jobs=1)
    assert drawn == []
    assert len(mask_all(root, out, {}, jobs=1)) == 0


@pytest.mark.parametrize("inside", [".", "masked", "a/b"])
def test_copies_among_the_originals_are_refused(tmp_path: Path, inside: str) -> None:
    with pytest.raises(InputError, match="outside"):
        mask_all(tmp_path, tmp_path / inside, {"a.png": face(48)})
    (tmp_path / inside).mkdir(parents=True, exist_ok=True)
    with pytest.raises(InputError, match="outside"):
        mask_all(tmp_path / inside, tmp_path, {"a.png": face(48)})


@pytest.mark.parametrize("content", ["path,something\na.png,1\n", "path,something\n", "", "\xff\0"])
def test_a_file_that_is_no_manifest_is_named(faces: tuple[Path, dict], tmp_path: Path, content: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.csv").write_text(content, encoding="latin-1")
    with pytest.raises(InputError, match=r"manifest\.csv.*remove it"):
        mask_all(*faces[:1], tmp_path / "out", faces[1], jobs=1)
    assert contents(tmp_path / "out").keys() == {"manifest.csv"}


def test_an_image_of_unknown_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"use \.png"):
        masks.write_image(tmp_path / "a.nothing", photo(8))
    assert not list(tmp_path.iterdir())


# --- the frozen manifest --------------------------------------------------------------------------------------------


def test_the_checksum_stands_for_faces_and_what_they_wear(faces: tuple[Path, dict], tmp_path: Path) -> None:
    root, points = faces
    sums = []
    for number, options in enumerate([{}, {}, {"seed": 1}, {"kind": "kn95"}, {"points": face(48, 1.0)}]):
        shown = {**points, "part0/0.png": options.pop("points", points["part0/0.png"])}
        mask_all(root, tmp_path / f"{number}", shown, jobs=1, **options)
        sums.append(manifest_checksum(tmp_path / f"{number}" / "manifest.csv"))
    assert sums[0] == sums[1]
    assert len(set(sums)) == 4
    assert len(sums[0]) == 64


def test_check_finds_what_was_changed_or_removed(
    faces: tuple[Path, dict], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    mask_all(faces[0], out, faces[1], jobs=1)
    checksum = manifest_checksum(out / "manifest.csv")
    assert masks.main(["--check", str(out), "--sha256", checksum]) == 0
    assert checksum in capsys.readouterr().out
    assert masks.main(["--check", str(out), "--sha256", "0" * 64]) == 1
    # Another encoder may write the same pixels.
    image = cv2.imread(str(out / "part0/0.png"), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(out / "part0/0.png"), image, [cv2.IMWRITE_PNG_COMPRESSION, 0])
    assert manifest.check(out) == {}
    image[0, 0] ^= 1
    cv2.imwrite(str(out / "part0/0.png"), image)
    (out / "part1/1.png").unlink()
    capsys.readouterr()
    assert masks.main(["--check", str(out)]) == 1
    error = capsys.readouterr().err
    assert "part0/0.png: differs" in error
    assert "part1/1.png: is missing" in error
    assert masks.main(["--check", str(tmp_path)]) == 2
    assert masks.main([]) == 2
