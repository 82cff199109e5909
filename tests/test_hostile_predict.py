"""predict.py and app.py keep what is there, and what others made for them to stumble over is a line, not a crash or a leak."""

from __future__ import annotations

import csv
import gc
import io
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from processes import free_port

from pre_processing import copies, errors
from prediction import network, outputs, sources

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.filterwarnings("default")  # gradio's own are not ours to mend


def hostile(folder: Path, suffix: bytes = b".png") -> Path:
    """A name that is no text: Latin-1 bytes where UTF-8 is expected."""
    return Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9" + suffix))


def double(photo: Path, name: str) -> Path:
    """A copy of a photo beside it under another name."""
    other = photo.with_name(name)
    other.write_bytes(photo.read_bytes())
    return other


@pytest.mark.parametrize("option", ["--json", "--csv"])
@pytest.mark.parametrize("name", ["p1.jpg", "P1.HEIC", "clip.mp4", "best.pt", "net.safetensors", "net.onnx"])
def test_answers_never_replace_pictures_videos_or_weights(option, name, tmp_path, capsys):
    from prediction import command

    (tmp_path / "p2.png").write_bytes(b"p2")
    (tmp_path / name).write_bytes(b"precious")
    assert command.main([option, str(tmp_path / name), str(tmp_path / "p2.png")]) == 2
    err = capsys.readouterr().err
    assert name in err
    assert ".json or .csv" in err
    assert err.count("\n") == 1
    assert (tmp_path / name).read_bytes() == b"precious"


def test_answers_never_replace_what_the_command_reads(run, astronaut, tmp_path):
    photo = astronaut.rename(tmp_path / "photo")  # a photo is known by its content
    before = photo.read_bytes()
    code, faces, _, err = run(photo, "--csv", photo)
    assert (code, faces) == (2, None)
    assert "is read by the same command" in err
    assert photo.read_bytes() == before


def test_annotated_pictures_replace_nothing_and_a_second_run_adds_nothing(run, astronaut, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "astronaut.png").write_bytes(b"another's picture")
    listed = ["astronaut-2.png", "astronaut.png"]
    for _ in range(2):
        assert run(astronaut, "--save", out)[0] == 0
        assert sorted(file.name for file in out.iterdir()) == listed
    assert (out / "astronaut.png").read_bytes() == b"another's picture"
    assert run(astronaut, "--save", out, "--put_mask", "kn95")[0] == 0  # other answers lie beside them
    assert sorted(file.name for file in out.iterdir()) == sorted([*listed, "astronaut-3.png"])


def test_a_name_that_is_no_text_ends_nothing(run, astronaut, tmp_path):
    double(astronaut, hostile(astronaut.parent).name)
    code, faces, out, err = run(astronaut.parent, "--save", tmp_path / "out", "--put_mask", "kn95")
    assert (code, len(faces), err) == (0, 2, "")
    assert r"caf\udce9.png" in out
    assert (tmp_path / "out" / hostile(tmp_path).name).is_file()


def test_a_suffix_that_is_no_text_becomes_a_png(run, astronaut, tmp_path):
    photo = astronaut.rename(hostile(tmp_path, b".p\xe9g"))
    code, faces, _, _ = run(photo, "--save", tmp_path / "out")
    assert (code, len(faces)) == (0, 1)
    assert [file.name for file in (tmp_path / "out").iterdir()] == [f"{photo.name}.png"]


def test_seeds_and_stamps_of_names_that_are_no_text(tmp_path):
    assert copies.face_seed(0, hostile(tmp_path).name) != copies.face_seed(0, "caf.png")
    assert copies.face_seed(0, "a.png") == 1670188878  # others are as ever
    assert re.fullmatch("[0-9a-f]{16}", copies.stamp(str(hostile(tmp_path)), 0, []))


def test_a_video_whose_name_is_no_text(tmp_path):
    film = cv2.VideoWriter(str(tmp_path / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 64))
    film.write(np.zeros((64, 64, 3), np.uint8))
    film.release()
    clip = (tmp_path / "a.avi").rename(hostile(tmp_path, b".avi"))
    assert len(list(sources.frames(str(clip), clip.name, 1))) == 1


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a b\u202fc é 猫.png", "a b\u202fc é 猫.png"),
        ("a\nerror: b\r\t", r"a\nerror: b\r\t"),
        ("\x1b[2J\x9b", r"\x1b[2J\x9b"),
        ("\u202egpj.exe\u2028", r"\u202egpj.exe\u2028"),
        ("\udce9", r"\udce9"),
        (r"C:\new", r"C:\new"),
    ],
)
def test_a_screen_gets_one_line_that_can_be_printed(text, seen):
    assert errors.shown(text) == errors.shown(Path(seen)) == seen


def test_a_command_says_what_is_wrong_in_one_line(capsys):
    def fail() -> None:
        raise errors.InputError("x\nerror: all is lost\x1b[2J")

    assert errors.run(fail) == 2
    assert capsys.readouterr().err == "error: x\\nerror: all is lost\\x1b[2J\n"


def test_names_forge_no_lines_and_give_terminals_no_codes(run, astronaut, tmp_path):
    evil = "x\nerror: all is lost\x1b[2J"
    double(astronaut, f"{evil}.png")
    (astronaut.parent / f"{evil}.jpg").write_bytes(b"no picture")
    code, faces, out, err = run(astronaut.parent, "--csv", "-")
    assert (code, len(faces)) == (1, 2)
    assert err.count("\n") == 1
    assert r"x\nerror: all is lost\x1b[2J.jpg: not a readable image" in err
    assert len(out.splitlines()) == 3
    assert "\x1b" not in out + err
    assert len(run(astronaut.parent)[2].splitlines()) == 3  # heads, two faces
    for line in (
        [tmp_path / evil],
        [astronaut, "--csv", tmp_path / f"{evil}.jpg"],
        [astronaut.parent, "--save", astronaut.parent / evil],
    ):
        code, _, _, err = run(*line)
        assert (code, err.count("\n")) == (2, 1)
        assert r"\nerror: all is lost\x1b" in err


def test_no_cell_of_the_table_is_a_formula():
    report = outputs.Report(("Happy",), screen=False, masks=True)
    chances = {"emotion": "Happy", "probabilities": {"Happy": 1.0}, "certain": None}
    names = ["=1+1.png", "+a.png", "-a.png", "@a.png", "\ta.png", "\na.png", "/photos/=a.png", "a=b.png"]
    for name in names:
        other = {"kind": name, **chances}
        report.records.append({"file": name, "box": [0, 0, 1, 1], "masked": None, **chances, "put_mask": other})
    rows = list(csv.DictReader(io.StringIO(report.table(), newline="")))
    wanted = [f"./{name}" if number < 6 else name for number, name in enumerate(names)]
    assert [row["file"] for row in rows] == [row["put_mask"] for row in rows] == wanted
    assert [Path(row["file"]) for row in rows] == [Path(name) for name in names]
    assert outputs.cell("\r=1") == r"\r=1"


def test_a_pipe_is_not_waited_for(tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    os.mkfifo(tmp_path / "fifo.jpg")
    with pytest.raises(errors.InputError, match="is a pipe or device; save it as a file"):
        sources.list_files([tmp_path / "fifo.jpg"])
    with pytest.raises(errors.InputError, match="is a folder or device"):
        outputs.check_places(str(tmp_path / "fifo.jpg"))


@pytest.fixture
def damaged(monkeypatch):
    """Networks answer with what is no number for the first face that they see."""
    step, seen = network.Predictor.step, []

    def spoilt(self, views):
        good = step(self, views)
        bad = [] if seen else [good[0]._replace(probabilities=good[0].probabilities * np.nan)]
        seen.append(1)
        return bad + good[len(bad) :]

    monkeypatch.setattr(network.Predictor, "step", spoilt)


def test_an_answer_that_is_no_number_is_one_line_and_others_stay(run, astronaut, tmp_path, damaged):
    other = double(astronaut, "b.png")
    code, faces, out, err = run(astronaut.parent, "--save", tmp_path / "out")
    assert code == 1
    assert err.count("\n") == 1
    assert f"{astronaut}: the network's answer is not a number" in err
    assert [face["file"] for face in faces] == [str(other)]
    assert "nan" not in out.lower()
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["b.png"]
    assert not network.Answer(np.ones(7), np.array([1, np.inf])).finite


@pytest.fixture(scope="module")
def server():
    pytest.importorskip("gradio", reason="gradio is not installed: pip install -r requirements.txt")
    from prediction import server

    return server


@pytest.fixture(scope="module")
def served(server, weights, tmp_path_factory):
    """(the page's blocks, address); what gradio fetches other machines' files with is put back afterwards."""
    import safehttpx  # comes with gradio

    patch = pytest.MonkeyPatch()
    patch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
    folder = tmp_path_factory.mktemp("page")
    patch.setenv("GRADIO_TEMP_DIR", str(folder))
    for name in ("get", "async_validate_url"):
        patch.setattr(safehttpx, name, getattr(safehttpx, name))
    blocks, address = server.start(str(weights), folder, None, wait=False)
    yield blocks, address.rstrip("/")
    blocks.close()
    patch.undo()
    gc.collect()


def upload(address: str, file: Path) -> str:
    """Send a photo as the page does; its path on the server."""
    answer = httpx.post(f"{address}/gradio_api/upload", files={"files": (file.name, file.read_bytes())}, timeout=60)
    return answer.raise_for_status().json()[0]


def ask(address: str, path: str, **headers: str) -> str:
    """The events that the page's question about a file leads to."""
    data = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}, "kn95"]}
    sent = httpx.post(f"{address}/gradio_api/call/look", json=data, headers=headers, timeout=60).raise_for_status()
    place = f"{address}/gradio_api/call/look/{sent.json()['event_id']}"
    return httpx.get(place, headers=headers, timeout=120).raise_for_status().text


HOSTS = ["127.0.0.1", "localhost", "LOCALHOST:8888", "[::1]:80"]
FOREIGN = ["evil.example", "evil.example:7860", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.7", ""]


@pytest.mark.slow
def test_the_page_answers_this_machine_by_its_own_names_alone(served):
    address = served[1]
    for place in ("/", "/config", "/gradio_api/info"):
        for host in HOSTS:
            for origin in ({}, {"origin": f"http://{host}"}, {"origin": "https://localhost:3000"}):
                assert httpx.get(address + place, headers={"host": host, **origin}).status_code == 200
        for name in FOREIGN:
            bad = [{"host": name}, {"origin": f"http://{name}"}, {"host": name, "origin": f"http://{name}"}]
            for headers in [*bad, {"origin": "null"}, {"origin": f"http://localhost@{name}"}]:
                answer = httpx.get(address + place, headers=headers)
                assert answer.status_code == 403, headers
                assert "access-control-allow-origin" not in answer.headers
    ask_first = {"host": "evil.example", "origin": "http://evil.example", "access-control-request-method": "POST"}
    answer = httpx.options(f"{address}/gradio_api/upload", headers=ask_first)
    assert (answer.status_code, "access-control-allow-origin" in answer.headers) == (403, False)


@pytest.mark.slow
def test_a_photo_through_a_tunnel_is_answered(served, astronaut):
    path = upload(served[1], astronaut)
    assert "event: complete" in (said := ask(served[1], path, host="localhost:8888", origin="http://localhost:8888"))
    assert "kn95" in said


@pytest.mark.slow
def test_nothing_is_fetched_for_a_request(server, served, monkeypatch):
    asked, look_up = set(), socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *more, **named: asked.add(host) or look_up("127.0.0.1", *more, **named)
    )
    for url in ("http://192.0.2.1/a.png", "https://huggingface.co/a.png"):
        said = ask(served[1], url)
        assert "event: error" in said
        assert "Nothing is fetched from other machines" in said
        assert httpx.get(f"{served[1]}/gradio_api/file={url}").status_code == 403
    assert asked == {"127.0.0.1"}


@pytest.mark.slow
def test_photos_are_deleted_while_the_page_runs_and_examples_are_not(server, served, astronaut):
    from gradio.route_utils import delete_files_created_by_app

    blocks, address = served
    assert blocks.delete_cache == (server.KEPT, server.KEPT)
    photo = Path(upload(address, astronaut))
    example = photo.parents[1] / "astronaut.jpg"
    assert "event: complete" in ask(address, str(example))
    delete_files_created_by_app(blocks, server.KEPT)
    assert photo.is_file()
    delete_files_created_by_app(blocks, None)
    assert not photo.exists()
    assert example.is_file()
    assert "deleted after a while" in ask(address, str(photo))


def test_the_page_keeps_a_photo_that_is_in_use_and_says_what_is_no_number(server, weights, astronaut, damaged):
    import models
    from prediction.trust import Trust

    net = models.load_pretrained(weights)
    looks = server.Page(network.Predictor(net, "cpu"), Trust(net, astronaut.parent))
    os.utime(astronaut, (0, 0))
    assert "not a number" in looks.look(str(astronaut), "kn95")
    assert time.time() - astronaut.stat().st_mtime < 60


@pytest.fixture(params=[name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)])  # Windows has one
def heard(request):
    """A signal that is not ignored, as it is in whatever `nohup` started."""
    number = getattr(signal, request.param)
    before = signal.signal(number, signal.SIG_DFL)
    yield number
    signal.signal(number, before)


def test_a_signal_ends_a_block_as_ctrl_c_does_and_a_second_one_not_its_clean_up(heard, server):
    before = signal.getsignal(heard)
    with pytest.raises(KeyboardInterrupt), server.endable(), tempfile.TemporaryDirectory() as folder:  # noqa: PT012
        try:
            signal.raise_signal(heard)
        finally:
            signal.raise_signal(heard)
    assert not os.path.exists(folder)
    assert signal.getsignal(heard) == before


@pytest.mark.slow
def test_no_photo_is_left_when_the_page_is_ended(heard, weights, astronaut, tmp_path):
    (room := tmp_path / "room").mkdir()
    line = [sys.executable, "app.py", "--weights", str(weights), "--port", str(free_port())]
    process = subprocess.Popen(
        line, cwd=ROOT, env={**os.environ, "TMPDIR": str(room)}, stdout=subprocess.PIPE, text=True
    )
    try:
        address = re.search(r"http://\S+[^/\s]", next(text for text in process.stdout if text.startswith("open ")))[0]
        assert Path(upload(address, astronaut)).is_relative_to(room)
        process.send_signal(heard)
        process.communicate(timeout=120)
        assert process.returncode == 0
        assert not [file for file in room.rglob("*") if file.suffix in (".png", ".jpg")]
    finally:
        process.kill()
        process.communicate()
