"""The page of app.py: gradio on loopback, with nothing asked of the internet."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import gradio
import numpy as np
import safehttpx
from PIL import Image
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from pre_processing import emotions, render
from pre_processing.artefacts import InputError
from pre_processing.crop import read_image
from pre_processing.drawing.points import UNITS
from pre_processing.overlay import KINDS
from prediction import page
from prediction.network import Predictor, weights_of
from prediction.outputs import best
from prediction.search import Seen, find
from prediction.trust import Trust
from training import door, options, trained

HOST, PORT = "127.0.0.1", 7860
NONE = "no mask"
ASTRONAUT = Path(__file__).parents[1] / "misc" / "astronaut.jpg"
DRAWN = ((4, emotions.HAPPY), (11, emotions.SURPRISE), (2, emotions.SAD))  # (person, emotion) of the examples
# The browser may load from this machine alone, whatever gradio's page asks for.
POLICY = (
    b"default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    b"connect-src 'self' data: blob:"
)
# What a browser on this machine calls this page, also through `ssh -L`; other names are those of pages that lure it here.
OWN = re.compile(rb"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?", re.IGNORECASE)
KEPT = 600  # seconds that a photo is kept after it was looked at


def own(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether a request asks for this machine by its own name, and comes from no other machine's page."""
    hosts = [value for name, value in headers if name == b"host"]
    origins = [value for name, value in headers if name == b"origin"]
    return (
        len(hosts) == 1
        and OWN.fullmatch(hosts[0]) is not None
        and all(OWN.fullmatch(re.sub(rb"^https?://", b"", origin)) for origin in origins)
    )


class Loopback:
    """Answers this machine's own page alone, with a policy that keeps the browser from asking other machines for anything."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: dict) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", POLICY)]
            await send(message)

        if scope["type"] == "http" and not own(scope["headers"]):
            await PlainTextResponse("Open this page as http://localhost.", 403)(scope, receive, sent)
        elif scope["type"] == "websocket" and not own(scope["headers"]):
            await send({"type": "websocket.close"})
        else:
            await self.app(scope, receive, sent)


@contextlib.asynccontextmanager
async def guarded(app: Starlette) -> AsyncIterator[None]:
    """Put Loopback around the whole server, before its first answer: gradio's own middleware would answer others itself."""
    app.middleware_stack = Loopback(app.middleware_stack)
    yield


async def refuse(*_: object, **__: object) -> None:
    """Takes the place of what gradio fetches addresses with that stand where a photo's file should."""
    raise gradio.Error("Nothing is fetched from other machines. Choose a file.", print_exception=False)


@contextlib.contextmanager
def endable() -> Iterator[None]:
    """Being terminated, or losing the terminal, ends the block as Ctrl-C does, so that it can clean up."""

    def stop(*_: object) -> None:
        for number in before:
            signal.signal(number, signal.SIG_IGN)  # a second one must not end the clean-up
        raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]  # Windows has one
    before = {number: signal.getsignal(number) for number in numbers}
    before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}  # as nohup wants
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def given_file(payload: gradio.components.image.ImageData | None) -> str | None:
    """The file that was uploaded, as it came: it is read as predict.py reads it, with words for what is no picture."""
    return payload.path if payload else None


class Page:
    """Looks at photos for the page."""

    def __init__(self, predictor: Predictor, trust: Trust) -> None:
        self.predictor, self.trust = predictor, trust

    def look(self, file: str | None, kind: str) -> str:
        """The answers for a photo's file as HTML; a line where there is no face in it or no photo."""
        if not file:
            return page.WAITING
        try:
            os.utime(file)  # it is kept for as long as it is in use, see KEPT
            photo = read_image(file)
        except OSError:
            return page.message("This photo was deleted after a while without use. Choose it again.")
        except InputError as error:
            reason = str(error).removeprefix(f"{file}: ")
            return page.message(f"This picture cannot be read: {reason}.")
        mask = "" if kind == NONE else kind
        faces, worn = find(photo, self.predictor.size, mask)
        faces = sorted(faces, key=lambda face: -face.box[2] * face.box[3])
        if not faces:
            return page.message(
                "No face was found in this photo. A face that looks at the camera and is lit well is found best."
            )
        shown = [
            self.card(photo, worn, face, page.title(number, len(faces), face.certain))
            for number, face in enumerate(faces[: page.MOST], 1)
        ]
        return "".join([*shown, page.unshown(len(faces) - len(shown))])

    def card(self, photo: np.ndarray, worn: np.ndarray, face: Seen, title: str) -> str:
        """Pictures, verdicts and bars of one face."""
        names = self.predictor.emotions
        said = "as it is, masked" if face.masked else "as it is"
        looks = [("bare", said, photo, face.bare, bool(face.masked))]
        if face.worn:
            looks.append(("masked", f"with a mask ({face.kind.replace('_', ' ')})", worn, face.worn, True))
        answers = self.predictor([view for _, _, _, view, _ in looks])
        if not all(answer.finite for answer in answers):
            return page.message(
                "The network's answer is not a number: its weights are damaged. Start with other --weights."
            )
        verdicts, pictured = [], []
        for (style, words, image, _, masked), answer in zip(looks, answers, strict=True):
            emotion, chance = best(answer, names)
            verdicts.append(page.verdict(style, words, emotion, chance, self.trust.sentence(emotion, chance, masked)))
            pictured.append(page.pictures(image, words.partition(" (")[0], face.points, answer.gates, masked))
        chart = page.bars(names, [(style, answer) for (style, *_), answer in zip(looks, answers, strict=True)])
        return page.card(verdicts, pictured, chart, title)


def examples(folder: Path) -> list[str]:
    """Files of the examples: scikit-image's astronaut (NASA, public domain), and drawn faces, made anew."""
    files = [folder / f"drawn-{emotions.EMOTIONS[code].lower()}.png" for _, code in DRAWN]
    for file, (person, code) in zip(files, DRAWN, strict=True):
        units = dict.fromkeys(UNITS[code], 0.85)
        image, _ = render.draw(render.make_person(0, person), render.Photo(units=units), 320)
        Image.fromarray(image).save(file)
    # The very file of `make see`: another coding of the photo would have other answers.
    return [shutil.copy(ASTRONAUT, folder), *map(str, files)]


def build(looks: Page, folder: Path) -> gradio.Blocks:
    """The page; its examples lie in `folder`."""
    choices = [(name.replace("_", " "), name) for name in (NONE, *KINDS)]
    with gradio.Blocks(title="Emotions behind masks", analytics_enabled=False, delete_cache=(KEPT, KEPT)) as blocks:
        gradio.HTML(page.INTRO)
        with gradio.Row():
            with gradio.Column(scale=5):
                photo = gradio.Image(type="filepath", sources=["upload", "webcam"], label="Photo", height=320)
                photo.preprocess = given_file
                kind = gradio.Dropdown(choices, value="surgical_blue", label="Mask to put on")
                gradio.Examples(
                    examples(folder), photo, label="Examples: three drawn people, and the astronaut Eileen Collins"
                )
            with gradio.Column(scale=7):
                answer = gradio.HTML(page.WAITING, elem_id="answer")
        # One at a time: dlib's detector is not made for threads.
        for part in (photo, kind):
            part.change(
                looks.look, [photo, kind], answer, concurrency_limit=1, concurrency_id="look", show_progress="minimal"
            )
    return blocks


def theme() -> gradio.themes.Base:
    """Quiet colours, and fonts that the system has."""
    sans = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "sans-serif")
    return gradio.themes.Base(
        primary_hue="slate", neutral_hue="stone", font=sans, font_mono=("ui-monospace", "monospace")
    )


def check_port(port: int) -> None:
    """InputError where something listens on the port already; gradio's own words name options that are not ours."""
    with socket.socket() as probe, contextlib.suppress(ConnectionRefusedError):
        probe.connect((HOST, port))
        raise InputError(f"port {port} is taken, perhaps by a page that is open already; give another --port")


def start(weights: str, folder: Path, port: int | None, *, wait: bool) -> tuple[gradio.Blocks, str]:
    """Serve the page on loopback; (blocks, address). With `wait` until Ctrl-C. InputError where the port is taken, errors of training.trained.network."""
    if port:
        check_port(port)
    net = trained.network(weights)
    looks = Page(Predictor(net, "cpu"), Trust(net))
    blocks = build(looks, folder)
    safehttpx.get = safehttpx.async_validate_url = refuse  # gradio has no option for that
    _, address, _ = blocks.queue().launch(
        server_name=HOST, server_port=port, share=False, quiet=True, prevent_thread_lock=True, theme=theme(), css=page.CSS, js=page.LIGHT,
        max_file_size="50mb", footer_links=[], app_kwargs={"lifespan": guarded},
    )  # fmt: skip
    print(f"open {address} (nothing leaves this machine; Ctrl-C ends it)", flush=True)
    if wait:
        blocks.block_thread()
    return blocks, address


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0; 2 where there are no such weights or the port is taken."""
    parser = options.Parser(prog="app.py", description="A page on this machine to try the network with photos.")
    parser.add_argument(
        "--weights", help="name of shipped weights, a .safetensors file, or a best.pt of yours [gacnn-lite0-7]"
    )
    parser.add_argument("--num_classes", type=int, choices=emotions.SUBSETS, help="4 or 7 emotions [7]")
    parser.add_argument("--port", type=options.number(int, 1024, 65535), default=PORT, help="port of the page")

    def work() -> None:
        args = parser.parse_args(argv)
        name = weights_of(args.weights, args.num_classes)
        with contextlib.suppress(KeyboardInterrupt), endable(), tempfile.TemporaryDirectory() as folder:
            os.environ["GRADIO_TEMP_DIR"] = folder  # photos are gone when the page is
            start(name, Path(folder), args.port, wait=True)

    return door.run(work)
