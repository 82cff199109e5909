"""predict.py finds faces, answers for each, writes what was asked for, and says what it could not read."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import models
import predict
from benchmarks.foreign_masks import polygon
from benchmarks.masked_faces import distance
from pre_processing import render
from pre_processing.meanface import FLIP, hide_points
from prediction import command, network, outputs, pictures, search, sources
from prediction.network import Answer

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("Neutral", "Happy", "Angry", "Surprise", "Sad", "Fear", "Disgust")


def check(one: dict, names: tuple[str, ...] = NAMES) -> None:
    """A face's object is what the README promises."""
    assert {"file", "box", "emotion", "probabilities", "masked", "certain"} <= one.keys()
    assert len(one["box"]) == 4
    assert all(isinstance(edge, int) for edge in one["box"])
    assert tuple(one["probabilities"]) == names
    assert sum(one["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert one["probabilities"][one["emotion"]] == max(one["probabilities"].values())
    assert one["masked"] in (True, False, None)
    assert one["certain"] in (True, False)


def test_a_real_photo_gets_a_face_an_answer_and_a_table(run, astronaut):
    code, (face,), out, _ = run(astronaut)
    check(face)
    assert code == 0
    x, y, w, h = face["box"]
    assert x < 224 < x + w  # the nose of the astronaut
    assert y < 130 < y + h
    heads, row = out.splitlines()
    assert all(name in heads for name in NAMES)
    assert face["emotion"] in row
    assert str(astronaut) in row
    assert "masked" in face


def test_weights_have_their_number_of_emotions(run, astronaut, weights):
    code, (face,), _, _ = run(astronaut, "--weights", weights.with_name("gacnn-lite0-4.safetensors"))
    assert code == 0
    check(face, NAMES[:4])
    code, _, _, err = run(astronaut, "--num_classes", 4)
    assert code == 2
    assert "--weights and --num_classes: give one of the two" in err
    assert [network.weights_of(None, count) for count in (None, 7, 4)] == ["gacnn-lite0-7"] * 2 + ["gacnn-lite0-4"]


def test_a_photo_turned_by_exif_gets_the_same_answer(run, astronaut):
    turned = astronaut.with_name("turned.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it 90 degrees clockwise
    Image.open(astronaut).transpose(Image.Transpose.ROTATE_90).save(turned, exif=exif)
    _, (plain, other), _, _ = run(astronaut, turned)
    assert {**plain, "file": ""} == {**other, "file": ""}


def test_drawn_faces_are_found_each(run, tmp_path):
    folder = tmp_path / "drawn"
    folder.mkdir()
    for number in range(3):
        image, _ = render.draw(render.make_person(0, number), render.Photo(), 240)
        Image.fromarray(np.hstack([image, np.roll(image, 3, 1)])).save(folder / f"{number}.png")
    code, faces, _, _ = run(folder)
    assert code == 0
    assert [face["file"] for face in faces] == [str(folder / f"{n}.png") for n in (0, 0, 1, 1, 2, 2)]
    for left, right in zip(faces[::2], faces[1::2], strict=True):
        check(left)
        assert left["box"][0] < 240 <= right["box"][0] + right["box"][2] / 2


def test_a_broken_file_is_named_and_skipped_and_the_exit_code_says_so(run, astronaut):
    (astronaut.parent / "broken.jpg").write_bytes(b"no picture")
    code, faces, _, err = run(astronaut.parent)
    assert code == 1
    assert [Path(face["file"]).name for face in faces] == ["astronaut.png"]
    assert "broken.jpg: not a readable image" in err


def test_a_photo_without_a_face_is_said_to_have_none(run, tmp_path):
    Image.fromarray(np.full((200, 300, 3), 128, np.uint8)).save(tmp_path / "wall.png")
    code, (entry,), out, _ = run(tmp_path / "wall.png", "--csv", tmp_path / "a.csv")
    assert code == 0
    assert "no face found" in out
    assert entry.pop("file") == str(tmp_path / "wall.png")
    assert entry == dict.fromkeys(("box", "emotion", "probabilities", "masked", "certain"))
    with open(tmp_path / "a.csv", newline="") as handle:
        (row,) = csv.DictReader(handle)
    assert row.pop("file") == str(tmp_path / "wall.png")
    assert not any(row.values())
    assert {"x", "certain", "emotion", "p_Happy"} <= row.keys()


def test_a_small_doubtful_find_beside_a_face_is_none_and_other_doubt_is_said(run, astronaut, monkeypatch, tmp_path):
    found, faces = search.find_faces, []
    monkeypatch.setattr(search, "find_faces", lambda image: faces or found(image))
    (face,) = search.find_faces(skimage.data.astronaut())
    faces += [face, face._replace(box=face.box / 4, certain=False)]
    _, (one,), out, _ = run(astronaut)
    assert one["certain"] is True
    assert outputs.UNCERTAIN not in out
    faces[:] = [face._replace(certain=False)]
    _, (one,), out, _ = run(astronaut, "--csv", tmp_path / "a.csv")
    assert one["certain"] is False
    assert out.splitlines()[1].endswith(f"  {outputs.UNCERTAIN}")
    with open(tmp_path / "a.csv", newline="") as handle:
        assert [row["certain"] for row in csv.DictReader(handle)] == ["false"]


def test_masks_follow_from_the_photo_not_from_its_name(astronaut, monkeypatch):
    photo, put_on, seeds = skimage.data.astronaut(), search.put_mask, []
    keep = lambda *a: seeds.extend(a[2:3] * (a[3] != search.SECOND)) or put_on(*a)  # noqa: E731
    monkeypatch.setattr(search, "put_mask", keep)
    search.find(photo, 112, "all")  # as the page does
    search.search(search.Task(str(astronaut.rename(astronaut.with_name("b.png"))), "b.png"), 112, "all")
    search.find(photo // 2, 112, "all")
    assert seeds[0] == seeds[1] != seeds[2]
    for image in (photo, photo // 2):
        search.search(search.Task("clip.mp4", "", image, 0), 112, "all")
        search.find(image, 112, "kn95")
    assert seeds[3:5] == seeds[5:]


@pytest.mark.parametrize("case", ["empty folder", "missing", "nothing", "both", "weights", "kind"])
def test_bad_input_is_one_line_and_exit_code_2(case, run, tmp_path, astronaut):
    (tmp_path / "empty").mkdir()
    line = {
        "empty folder": [tmp_path / "empty"],
        "missing": [tmp_path / "nowhere.jpg"],
        "nothing": [],
        "both": [astronaut, "--webcam"],
        "weights": [astronaut, "--weights", "gacnn-lite0-99"],
        "kind": [astronaut, "--put_mask", "paper_bag"],
    }[case]
    code, faces, _, err = run(*line)
    assert (code, faces) == (2, None)
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_a_mask_put_on_shows_both_answers(run, astronaut, tmp_path):
    code, (face,), out, _ = run(astronaut, "--put_mask", "surgical_blue", "--csv", tmp_path / "a.csv")
    assert code == 0
    check(face)
    check({**face, **face["put_mask"]})
    assert face["put_mask"]["kind"] == "surgical_blue"
    assert face["put_mask"]["probabilities"] != face["probabilities"]
    assert len(out.splitlines()) == 3
    with open(tmp_path / "a.csv", newline="") as handle:
        (row,) = csv.DictReader(handle)
    assert float(row["p_Happy_masked"]) == face["put_mask"]["probabilities"]["Happy"]
    assert [int(row[edge]) for edge in ("x", "y", "width", "height")] == face["box"]


def test_annotated_pictures_show_the_face_and_nothing_else_changes(run, astronaut, tmp_path):
    again = tmp_path / "other" / "astronaut.png"
    again.parent.mkdir()
    again.write_bytes(astronaut.read_bytes())
    code, (face, _), _, _ = run(astronaut, again, "--save", tmp_path / "out")
    assert code == 0
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["astronaut-2.png", "astronaut.png"]
    drawn = np.asarray(Image.open(tmp_path / "out" / "astronaut.png"))
    assert len(np.unique(drawn[512:].reshape(-1, 3), axis=0)) > 100  # the legend of the gates' colours
    changed = (drawn[:512] != skimage.data.astronaut()).any(2)
    x, y, w, h = face["box"]
    assert changed[y : y + h, x : x + w].mean() > 0.03
    assert changed[300:].sum() == 0


def test_annotated_pictures_never_replace_the_photos(run, astronaut):
    before = astronaut.read_bytes()
    code, _, _, err = run(astronaut, "--save", astronaut.parent)
    assert code == 2
    assert "originals" in err
    assert astronaut.read_bytes() == before


def film(path: Path, frames: int) -> Path:
    """The astronaut moving to the right, 10 frames a second."""
    photo = skimage.data.astronaut()[20:260, 60:400, ::-1]
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, photo.shape[1::-1])
    for number in range(frames):
        video.write(np.ascontiguousarray(np.roll(photo, 4 * number, 1)))
    video.release()
    return path


def test_a_video_is_looked_at_every_few_frames(run, tmp_path):
    clip = film(tmp_path / "clip.avi", 7)
    code, faces, _, _ = run(clip, "--save", tmp_path / "out")  # 10 frames a second, 5 looks
    assert code == 0
    assert [face["frame"] for face in faces] == [0, 2, 4, 6]
    assert [face["seconds"] for face in faces] == [0, 0.2, 0.4, 0.6]
    assert faces[3]["box"][0] - faces[0]["box"][0] == pytest.approx(24, abs=6)
    assert len(list((tmp_path / "out").glob("clip.avi-*.jpg"))) == 4
    assert [face["frame"] for face in run(clip, "--every", 3)[1]] == [0, 3, 6]


def test_a_broken_video_is_named_in_one_line_and_the_rest_goes_on(run, astronaut):
    (astronaut.parent / "clip.mp4").write_bytes(b"no video" * 100)
    code, faces, _, err = run(astronaut.parent)
    assert code == 1
    assert len(faces) == 1
    assert "clip.mp4: not a readable video" in err
    assert err.count("\n") == 1  # OpenCV keeps quiet


def test_without_a_camera_one_line_says_so(run):
    code, _, _, err = run("--webcam", 77)
    assert code == 2
    assert err.startswith("error: no camera 77 here")
    assert err.count("\n") == 1


def test_json_on_the_screen_is_all_there_is(astronaut, weights, capsys):
    assert predict.main([str(astronaut), "--weights", str(weights), "--json", "-"]) == 0
    (face,) = json.loads(capsys.readouterr().out)
    check(face)


def test_answers_are_the_mean_of_a_face_and_its_mirror_image(weights, astronaut):
    predictor = network.Predictor(models.load_pretrained(weights), "cpu")
    photo = skimage.data.astronaut()
    (face,), _ = search.find(photo, predictor.size)
    mirrored = search.View(
        face.bare.crop[:, ::-1].copy(),
        (np.array([predictor.size - 1, 0]) + face.bare.points * [-1, 1])[FLIP].astype(np.float32),
    )
    one, other = predictor([face.bare, mirrored])
    assert np.allclose(one.probabilities, other.probabilities, atol=1e-4)
    assert not np.allclose(one.gates, other.gates, atol=1e-4)


def test_a_mask_in_the_photo_is_told_and_hides_the_mouth(run, tmp_path):
    photo = skimage.data.astronaut()
    ((bare,), _) = search.find(photo, 112)
    masked = polygon(photo, bare.points, 3)
    ((face,), _) = search.find(masked, 112)
    assert face.masked is True
    assert np.allclose(face.points, hide_points(face.points), atol=1e-3)
    assert distance(face.points, bare.points) < 0.05
    assert face.bare.again is not None, "a masked face is looked at twice"
    assert bare.bare.again is None
    file = tmp_path / "masked.png"
    Image.fromarray(masked).save(file)
    code, (one,), out, _ = run(file)
    assert (code, one["masked"]) == (0, True)
    assert out.splitlines()[1].split()[5] == "yes"


@given(st.lists(st.integers(0, 9), max_size=40), st.integers(1, 50))
def test_answers_go_to_the_faces_they_belong_to(counts, least):
    """Pictures with any number of faces, in batches of any size: each face gets its own answer, in order."""
    view = lambda number: search.View(np.array(number), np.array(number))  # noqa: E731
    total = iter(range(10_000))
    found = [
        search.Found(search.Task(str(n), ""), [search.Seen((0, 0, 1, 1), np.zeros((68, 2)), None, view(next(total)),
                     view(next(total)) if number % 2 else None) for number in range(count)])
        for n, count in enumerate(counts)
    ]  # fmt: skip
    echo = lambda views: [Answer(each.crop, each.crop) for each in views]  # noqa: E731
    answered = list(command.answered(found, echo, least))
    assert [one for one, _ in answered] == found
    for _, faces in answered:
        for face, bare, worn in faces:
            assert bare.gates == face.bare.crop
            assert (worn is None) == (face.worn is None)
            assert worn is None or worn.gates == face.worn.crop


@pytest.mark.slow
def test_processes_and_one_process_answer_alike(astronaut, weights, tmp_path):
    for number in range(3):
        image, _ = render.draw(render.make_person(0, number), render.Photo(), 240)
        Image.fromarray(image).save(astronaut.with_name(f"{number}.png"))
    answers = []
    for jobs in ("1", "2"):
        line = [
            sys.executable,
            "predict.py",
            str(astronaut.parent),
            "--weights",
            str(weights),
            "--json",
            "-",
            "-j",
            jobs,
        ]
        done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
        answers.append(json.loads(done.stdout))
    assert answers[0] == answers[1]
    assert len(answers[0]) == 4


@pytest.mark.slow
def test_portraits_get_one_answer_each(london, run):
    code, faces, _, _ = run(*london)
    assert code == 0
    assert [face["file"] for face in faces] == [str(file) for file in london]


def test_gates_are_drawn_where_the_regions_are():
    photo = skimage.data.astronaut()
    (face,), _ = search.find(photo, 112)
    picture = Image.fromarray(photo)
    pictures.draw_gates(picture, face.points, np.linspace(0, 1, 24))
    changed = (np.asarray(picture) != photo).any(2)
    rows, columns = np.nonzero(changed)
    x, y, w, h = face.box
    assert columns.min() > x - w // 4
    assert columns.max() < x + w + w // 4
    assert rows.max() < y + h + h // 4
    dark, usual, light, full = pictures.gate_colours(np.array([0.0, 0.25, 0.5, 1.0]))
    assert sum(dark) < sum(usual) < sum(light) == sum(full)
    assert pictures.annotate(photo, [(face.box, face.points, np.zeros(0), ["Happy"])]).shape == photo.shape


def test_labels_say_the_answer_in_words():
    sure = Answer(np.eye(7)[1], np.zeros(0))
    assert outputs.lines(None, sure, None, NAMES) == ["Happy 100%"]
    assert outputs.lines(None, sure, Answer(np.eye(7)[0], np.zeros(0)), NAMES) == [
        "bare: Happy 100%",
        "masked: Neutral 100%",
    ]


def test_folders_give_photos_and_videos_but_nothing_hidden(tmp_path):
    for name in ("a/b.JPG", "a/.c.jpg", "d.mp4", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [name.as_posix() for _, name in sources.list_files([tmp_path])] == ["a/b.JPG", "d.mp4"]
