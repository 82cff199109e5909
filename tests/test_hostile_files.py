"""Files made to do harm, or broken by chance: each gets one line, and nothing else is touched, crashed or filled."""

from __future__ import annotations

import csv
import itertools
import json
import os
import pickle
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from mask_photos import contents, face, folder, photo, points_file

from pre_processing import artefacts, landmarks, manifest, mask_files, masks, plain_pickle, prepare
from pre_processing.artefacts import InputError, path_defect
from pre_processing.databases import affectnet, affectnet_full, ckplus, demo, ferplus, rafdb
from pre_processing.databases.table import Collector, shipped_points
from pre_processing.emotions import EMOTIONS

ROOT = Path(__file__).resolve().parents[1]
POINTS = bytes(544)


def png_that_says(path: Path, wide: int, high: int, colours: int) -> Path:
    """A PNG of a hundred bytes whose header tells any size; `colours`: 0 grey, 6 RGBA."""

    def part(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    header = wide.to_bytes(4, "big") + high.to_bytes(4, "big") + bytes([8, colours, 0, 0, 0])
    body = part(b"IHDR", header) + part(b"IDAT", zlib.compress(bytes(1000))) + part(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


@pytest.mark.parametrize("outside", ["../album/mum.png", "{tmp}/album/mum.png"])
@pytest.mark.parametrize("bare", [True, False])
def test_a_database_cannot_reach_other_photos(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], outside: str, bare: bool
) -> None:
    root, other = tmp_path / "demo", outside.format(tmp=tmp_path)
    masks.write_image(tmp_path / "album" / "mum.png", photo(96))
    rows = []
    for number, split in enumerate(("train", "valid", "test")):
        masks.write_image(root / f"faces/{number}.png", photo(96, seed=number + 1))
        rows.append([f"faces/{number}.png", EMOTIONS[0], "p", split, " ".join(map(str, face(96).ravel()))])
    hostile = np.zeros(136) if bare else face(96).ravel()  # a face without a place for a mask has its copy removed
    rows.append([other, EMOTIONS[0], "p", "train", " ".join(map(str, hostile))])
    with open(root / "faces.csv", "w", newline="") as handle:
        csv.writer(handle).writerows([demo.COLUMNS, *rows])
    before = contents(tmp_path)
    command = ["--DB", "D", "--root_path", str(root), "--out", str(tmp_path / "out"), "--keep_duplicates", "-j", "1"]
    assert prepare.main(command) == 2
    error = capsys.readouterr().err
    assert "faces.csv, line 5: " in error
    assert error.count("\n") == 1
    assert contents(tmp_path) == before


@pytest.mark.parametrize("path", ["../a.png", "/a.png", "a/../../b.png", "a\u2028.png"])
def test_no_database_and_no_mask_takes_a_path_that_leads_out(tmp_path: Path, path: str) -> None:
    with pytest.raises(InputError, match="cannot be kept"):
        Collector().keep(path, 0, "train")
    (tmp_path / "faces").mkdir()
    with pytest.raises(InputError, match="faces: '"):
        masks.mask_all(tmp_path / "faces", tmp_path / "masked", {path: face(96)}, jobs=1)
    assert os.listdir(tmp_path) == ["faces"]


@pytest.mark.parametrize("mark", ["\n", "\t", "\x0b", "\x1b", "\x7f", "\x85", "\u2028", "\u2029"])
def test_control_characters_are_refused_in_paths(tmp_path: Path, mark: str) -> None:
    assert "control character" in path_defect(f"a{mark}b.png")
    assert path_defect("a b\u00e4\u00a0.png") == ""


def test_links_that_lead_out_of_the_copies_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = folder(tmp_path / "in", ("sub/p.png",))
    outside = folder(tmp_path / "outside", ("p.png",), 64)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").symlink_to("../outside")
    before = contents(outside)
    faces = points_file(tmp_path / "f.csv", [("sub/p.png", face(96))])
    assert masks.main([str(source), str(tmp_path / "out"), "-j", "1", "--landmarks", str(faces)]) == 2
    error = capsys.readouterr().err
    assert "leads out of" in error
    assert error.count("\n") == 1
    with pytest.raises(InputError, match="leads out of"):
        masks.mask_all(source, tmp_path / "out", {"sub/p.png": face(96)}, jobs=1)
    assert contents(outside) == before
    (tmp_path / "out" / "sub").unlink()
    (tmp_path / "inner").mkdir()
    (tmp_path / "link").symlink_to("inner")  # the folder of copies itself may be one
    assert masks.main([str(source), str(tmp_path / "link"), "-j", "1", "--landmarks", str(faces)]) == 0


def test_a_link_in_a_circle_is_no_crash(tmp_path: Path) -> None:
    source = folder(tmp_path / "in", ("p.png",))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "p.png").symlink_to("p.png")
    faces = points_file(tmp_path / "f.csv", [("p.png", face(96))])
    assert masks.main([str(source), str(tmp_path / "out"), "-j", "1", "--landmarks", str(faces)]) == 0


def test_a_picture_of_too_many_pixels_is_not_unpacked(tmp_path: Path) -> None:
    bomb = png_that_says(tmp_path / "bomb.png", 16000, 16000, 0)
    script = "import sys; from pre_processing.crop import read_image; read_image(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", script, bomb], cwd=ROOT, check=False, capture_output=True, text=True)
    assert "bomb.png: too many pixels" in done.stderr
    inherited = {**os.environ, "OPENCV_IO_MAX_IMAGE_PIXELS": "99"}  # who has larger pictures can raise it
    masks.write_image(tmp_path / "small.png", photo(10))
    words = [sys.executable, "-c", script, tmp_path / "small.png"]
    done = subprocess.run(words, cwd=ROOT, check=False, capture_output=True, text=True, env=inherited)
    assert "small.png: too many pixels" in done.stderr


def test_a_mask_of_too_many_pixels_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mask = png_that_says(tmp_path / "mask.png", 5000, 5000, 6)
    mask.with_suffix(".txt").write_text("nose .5 0\nchin .5 1\nright_ear 0 .2\nleft_ear 1 .2\n")
    with pytest.raises(InputError, match=r"mask\.png: more than 16 megapixels"):
        mask_files.load_kind(mask)
    cv2.imwrite(str(tmp_path / "mask.webp"), np.full((20, 20, 4), 200, np.uint8))  # its header is not looked at
    mask_files.load_kind(tmp_path / "mask.webp")
    mask_files._load.cache_clear()
    monkeypatch.setattr(mask_files, "MOST", 399)
    with pytest.raises(InputError, match=r"mask\.webp: more than"):
        mask_files.load_kind(tmp_path / "mask.webp")


FACES = {
    "none to share": {"a.png": (POINTS, 0)},
    "many": {f"part/{number}.png": (number.to_bytes(544, "little"), number % 7) for number in range(2500)},
    "the same again": dict.fromkeys(("a.png", "b.png", "c.png"), (POINTS, 3)),
    "the same points": {name: (POINTS, label) for label, name in enumerate("abc")},
    "long and foreign names": {"ä" * 300: (POINTS, 1), "表/" * 50 + "x": (POINTS, 6)},
}


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("faces", FACES.values(), ids=FACES.keys())
def test_landmark_files_of_any_python_are_read(tmp_path: Path, faces: dict, protocol: int) -> None:
    (tmp_path / "l.pkl").write_bytes(pickle.dumps(faces, protocol=protocol))
    back = artefacts.read_landmarks(tmp_path / "l.pkl")
    assert {path: (points.tobytes(), label) for path, (points, label) in back.items()} == faces


ONE = pickle.dumps({"a": (POINTS, 1)}, protocol=3)
HOSTILE = {
    "deep tuple": b"\x80\x04}N" + b"\x85" * 3_000_000 + b"K\x00s.",
    "deep pair": b"\x80\x04}K\x00" + b"K\x00\x86" * 300_000 + b"K\x00s.",
    "pairs of pairs as a key": b"\x80\x04}K\x00K\x00\x86\x94"
    + b"".join(b"h%c\x86\x94" % at for at in range(60))
    + b"K\x00s.",
    "far memo": ONE.replace(b"}q\x00", b"}r\x00\x00\x00\x08"),
    "huge label": pickle.dumps({"a": (POINTS, 10**5000)}),
    "entries without a dict": b"\x80\x04(K\x00K\x00u.",
    "entries before the dict": b"\x80\x04(\x8c\x01aK\x00}u.",
    "odd entries": b"\x80\x04}(\x8c\x01au.",
    "two dicts": b"\x80\x04}}0.",
    "unknown memo": b"\x80\x04}\x8c\x01ah\x09s.",
    "dict in itself": b"\x80\x04}\x94\x8c\x01ah\x00s.",
    "long reason": b"S" + b"x" * 100_000 + b"\n.",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_landmark_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "l.pkl").write_bytes(content)
    with pytest.raises(InputError, match=r"l\.pkl: ") as caught:
        artefacts.read_landmarks(tmp_path / "l.pkl")
    assert len(str(caught.value)) < 400 + len(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_nothing_but_texts_bytes_and_numbers_is_read() -> None:
    assert plain_pickle.read(ONE) == {"a": (POINTS, 1)}
    for value in (None, 1.5, True, [], {}, set(), (), (1,), (1, 2, 3), bytearray(1), 1 << 40, print):
        for protocol in range(6):
            with pytest.raises(ValueError, match="needs"):
                plain_pickle.read(pickle.dumps({"a": value}, protocol=protocol))


def masked(tmp_path: Path) -> tuple[Path, Path, list[str]]:
    """Folder of photos, folder of their masked copies, and the command that made them."""
    source, out = folder(tmp_path / "in", ("p.png", "q.jpg")), tmp_path / "out"
    faces = points_file(tmp_path / "faces.csv", [(name, face(96)) for name in ("p.png", "q.jpg")])
    command = [str(source), str(out), "-j", "1", "--landmarks", str(faces)]
    assert masks.main(command) == 0
    return source, out, command


@pytest.mark.parametrize(("name", "value"), [
    *itertools.product(("face", "left"), ("²", "9" * 5000, "abc", "1.5", "1e3", " 1", "\u0661")), ("face", "-1"),
])  # fmt: skip
def test_bad_numbers_in_a_manifest_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    _, out, command = masked(tmp_path)
    rows = manifest.read(out / manifest.NAME)
    with open(out / manifest.NAME, "w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows([rows[0], {**rows[1], name: value}])
    before = contents(out)
    capsys.readouterr()
    for words in (command, ["--check", str(out)]):
        assert masks.main(words) == 2
        error = capsys.readouterr().err
        assert "manifest.csv, row 3: not a row of a manifest" in error
        assert error.count("\n") == 1
    assert contents(out) == before


def test_a_forged_manifest_removes_no_file_of_somebody(tmp_path: Path) -> None:
    _, out, command = masked(tmp_path)
    (out / "q.jpg").write_bytes((out / "q.jpg").read_bytes() + b"\0")
    own = {name: (out / name).read_bytes() for name in ("p.png", "q.jpg")}
    text = (out / manifest.NAME).read_text()
    for row in manifest.read(out / manifest.NAME):
        text = text.replace(row["stamp"], "0" * 16)
        if row["path"] == "p.png":
            text = text.replace(row["sha256"], "f" * 16)
    (out / manifest.NAME).write_text(text)
    points_file(tmp_path / "faces.csv", [(name, np.zeros((68, 2))) for name in own])  # so that no copy is written
    assert masks.main(command) == 1
    assert {name: (out / name).read_bytes() for name in own} == own


@pytest.mark.parametrize("numbers", ["-1e308,-1e308,1e308,1e308", "0,0,1000001,5", "-1e20,0,5,5"])
def test_boxes_far_beyond_a_photo_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], numbers: str) -> None:
    source, boxes = folder(tmp_path / "in", ("p.png",)), tmp_path / "boxes.csv"
    boxes.write_text(f"path,left,top,right,bottom\np.png,{numbers}\n")
    assert masks.main([str(source), str(tmp_path / "out"), "-j", "1", "--boxes", str(boxes)]) == 2
    assert "boxes.csv, line 2: a number is beyond 1000000" in capsys.readouterr().err
    far = face(96)
    far[5] = 1e20
    points = points_file(tmp_path / "points.csv", [("p.png", far)])
    assert masks.main([str(source), str(tmp_path / "out"), "-j", "1", "--landmarks", str(points)]) == 2
    assert "points.csv, line 2: a number is beyond 1000000" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def header_that_claims(path: Path, count: int) -> Path:
    with open(path, "wb") as handle:
        np.lib.format.write_array_header_1_0(handle, {"descr": "<f8", "fortran_order": False, "shape": (count,)})
    return path


def test_hostile_arrays_of_affectnet_are_one_line(tmp_path: Path) -> None:
    file = tmp_path / "0_exp.npy"
    header_that_claims(file, 10**13)
    files = {"claims": file.read_bytes(), "cut": file.read_bytes()[:20], "empty": b"", "text": b"7" * 99}
    np.savez(tmp_path / "many.npz", a=np.array(1))
    files["archive"] = (tmp_path / "many.npz").read_bytes()
    files["nested"] = b"\x93NUMPY\x01\x00" + (9000).to_bytes(2, "little") + b"(" * 9000
    for content in files.values():
        file.write_bytes(content)
        for read in (affectnet.load, affectnet.read_label):
            with pytest.raises(InputError, match=r"0_exp\.npy: not an array of plain numbers \(.+\); get") as caught:
                read(file)
            assert "\n" not in str(caught.value)


def test_points_and_boxes_of_databases_are_finite_and_near(tmp_path: Path) -> None:
    for far in (np.nan, np.inf, -np.inf, 1e20, 1e300, 2e6):
        points = face(96)
        points[5, 0] = far
        assert len(shipped_points(points)) == 0
        box = tmp_path / "box.txt"
        box.write_text(f"1 2 {far} 4")
        with pytest.raises(InputError, match=r"box\.txt: not four numbers"):
            rafdb.read_box(box)
        file = tmp_path / "landmarks.txt"
        file.write_text(" ".join(map(str, points.ravel())))
        with pytest.raises(InputError, match=r"landmarks\.txt: not 68 points"):
            ckplus.read_points(file)
        for at in range(4):
            fields = ["1", "2", "30", "40"]
            assert affectnet_full.to_box(fields) == (1, 2, 31, 42)
            fields[at] = str(far)
            assert affectnet_full.to_box(fields) == ()
        text = ";".join(map(str, points.ravel()))
        assert [len(each) for each in affectnet_full.to_points([text, text.replace(str(far), "9")])] == [0, 68]
        (tmp_path / "faces.csv").write_text(
            f"{','.join(demo.COLUMNS)}\na.png,{EMOTIONS[0]},p,test,{file.read_text()}\n"
        )
        with pytest.raises(InputError, match=r"faces\.csv, line 2: not path"):
            demo.read(tmp_path)
    assert len(shipped_points(np.zeros((68, 2), [("x", "<f4"), ("y", "<f4")]))) == 0
    with pytest.raises(InputError, match=r"label\.csv, line 3: .* not counts"):
        ferplus.to_counts(Path("label.csv"), 3, ["1", "9" * 400])


def test_chunks_of_landmarks_that_do_not_fit_are_one_line(tmp_path: Path) -> None:
    root, store = folder(tmp_path / "faces", ("p.png",)), tmp_path / "store"
    landmarks.extract(root, ["p.png"], precropped=True, store=store, jobs=1)
    (chunk,) = store.glob("chunk-*.npz")
    with np.load(chunk) as file:
        good = dict(file)
    bad: list[dict] = [
        {"points": points} for points in (good["points"][0], good["points"][:, :3], np.zeros((2, 68, 2)))
    ]
    bad += [{"path": np.array(["a", "b"])}, {"path": np.array(1)}, {"certain": np.array([])}, {"reason": np.array([1])}]
    bad += [{"points": np.array(["x"])}, {"points": good["points"].astype(complex)}]
    for change in bad:
        np.savez(chunk, **{**good, **change})
        with pytest.raises(InputError, match="not a chunk of landmarks"):
            landmarks.extract(root, ["p.png"], precropped=True, store=store, jobs=1)
    np.savez_compressed(chunk, **good, more=np.zeros(landmarks.MOST, np.uint8))  # much larger than its file
    with pytest.raises(InputError, match="not a chunk of landmarks"):
        landmarks.extract(root, ["p.png"], precropped=True, store=store, jobs=1)
    np.save(tmp_path / "array.npy", np.zeros(3))
    for content in (header_that_claims(tmp_path / "x", 10**13).read_bytes(), (tmp_path / "array.npy").read_bytes()):
        chunk.write_bytes(content)
        with pytest.raises(InputError, match="not a chunk of landmarks"):
            landmarks.extract(root, ["p.png"], precropped=True, store=store, jobs=1)


@pytest.mark.parametrize(("box", "votes"), [
    ("0 0 9 9", "-1 2 3 4 0 0 0"), ("0 0 9 9", f"{'9' * 400} 2 3 4 0 0 0"), (f"0 0 9 {'9' * 400}", "1 2 3 4 0 0 0"),
    (f"0 0 9 {'9' * 5000}", ""),
])  # fmt: skip
def test_samples_with_numbers_out_of_range_are_refused(tmp_path: Path, box: str, votes: str) -> None:
    file = tmp_path / "s.csv"
    file.write_text(f"{','.join(artefacts.SAMPLE_COLUMNS)}\na.png,1,train,S1,{box},1,{votes}\n")
    with pytest.raises(InputError, match=r"s\.csv, row 2: ") as caught:
        artefacts.read_samples(file)
    assert len(str(caught.value)) < 400


def test_endless_brackets_are_no_json(tmp_path: Path) -> None:
    file = tmp_path / "j.json"
    for text in ("[" * 100_000, '{"a":' * 100_000, "[]", "1", ""):
        file.write_text(text)
        with pytest.raises(InputError, match=r"j\.json: broken"):
            artefacts.read_object(file, "broken ({error}); remove it")
    file.write_text(json.dumps({"a": 1}))
    assert artefacts.read_object(file, "") == {"a": 1}
