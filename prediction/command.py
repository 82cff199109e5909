"""The command line of predict.py: search faces on all cores, ask the network in batches, say and write what it answers."""

from __future__ import annotations

import argparse
import contextlib
import functools
import itertools
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import joblib
import numpy as np
from tqdm import tqdm

from pre_processing import emotions
from pre_processing.artefacts import InputError
from pre_processing.copies import encoded, writable, write_image
from pre_processing.errors import shown
from pre_processing.meanface import hide_points
from prediction import outputs, pictures, sources
from prediction.network import BATCH, Answer, Predictor, weights_of
from prediction.search import Found, Seen, Task, search
from training import door, options, trained

DONE, BROKEN = 0, 1
HELD = 256 * 2**20  # bytes of pictures that wait to be annotated
Answered = tuple[Found, list[tuple[Seen, Answer, Answer | None]]]


class Inline(Executor):
    """Does work at once in this process: for a single picture, where starting others takes longer than the work."""

    def submit(self, work: Callable, *arguments: object) -> Future:
        done: Future = Future()
        done.set_result(work(*arguments))
        return done


def workers(jobs: int) -> Executor:
    """Processes that search faces."""
    if jobs == 1:
        return Inline()
    # Not forked: torch's threads do not survive that. Ctrl-C is for the process that gives them work.
    context, quiet = multiprocessing.get_context("spawn"), (signal.SIGINT, signal.SIG_IGN)
    return ProcessPoolExecutor(jobs, context, initializer=signal.signal, initargs=quiet)


def searched(
    tasks: Iterable[Task | InputError], look: Callable[[Task], Found], pool: Executor, ahead: int
) -> Iterator[Found]:
    """What the tasks show, in their order, while others search `ahead` of it."""
    waiting: deque[Future] = deque()
    for task in tasks:
        if isinstance(task, InputError):
            waiting.append(Future())
            waiting[-1].set_result(Found(Task("", ""), [], str(task)))
        else:
            waiting.append(pool.submit(look, task))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def answered(found: Iterable[Found], predictor: Predictor, least: int) -> Iterator[Answered]:
    """Each picture with the answers for its faces; the network is asked when `least` faces, or HELD bytes of pictures, have
    come together."""
    group, faces, held = [], 0, 0
    for one in itertools.chain(found, [None]):
        if one is not None:
            group.append(one)
            faces += len(one.faces)
            held += one.image.nbytes if one.image is not None else 0
        if one is None or faces >= least or len(group) >= BATCH or held >= HELD:
            seen = [face for picture in group for face in picture.faces]
            bare = iter(predictor([face.bare for face in seen]))
            worn = iter(predictor([face.worn for face in seen if face.worn]))
            for picture in group:
                yield picture, [(face, next(bare), next(worn) if face.worn else None) for face in picture.faces]
            group, faces, held = [], 0, 0


def build_parser() -> options.Parser:
    """Options of the command."""
    parser = options.Parser(
        prog="predict.py", description="Tell the emotions of faces in photos, videos and the camera."
    )
    add = parser.add_argument
    add("source", metavar="PHOTO|FOLDER|VIDEO", type=Path, nargs="*", help="photos, videos, or folders of them")
    add("--webcam", type=int, nargs="?", const=0, metavar="N", help="look at camera N (0) until Ctrl-C")
    add(
        "--num_classes",
        type=int,
        choices=emotions.SUBSETS,
        help="4 (Neutral, Happy, Angry, Surprise) or 7 emotions [7]",
    )
    add(
        "--weights",
        help="name of shipped weights, a .safetensors file, or a best.pt of yours [gacnn-lite0-7, gacnn-lite0-4]",
    )
    add("--put_mask", type=options.mask_kinds, metavar="KIND", help="put a mask on each face as well and "
        "show both answers: surgical_blue, kn95, cloth ...")  # fmt: skip
    add(
        "--json",
        metavar="FILE",
        help="write a list with an object for each face, and for each picture without one; - is the screen",
    )
    add(
        "--csv",
        metavar="FILE",
        help="write a table with a line for each face, and for each picture without one; - is the screen",
    )
    add("--save", type=Path, metavar="DIR", help="write pictures with boxes, answers and gates drawn on the faces")
    add(
        "--every",
        type=options.number(int, 1),
        metavar="N",
        help="look at every N-th frame [video: 5 frames a second; camera: every one]",
    )
    add("-j", "--jobs", type=options.number(int, 1), help="processes that search faces [all cores]")
    add("--device", default="auto", help="auto, cpu or cuda")
    return parser


def load(chosen: argparse.Namespace) -> Predictor:
    """The network that was asked for; InputError or WeightsError where there is none such."""
    return Predictor(trained.network(weights_of(chosen.weights, chosen.num_classes)), chosen.device)


def tasks_for(chosen: argparse.Namespace) -> tuple[Iterable[Task | InputError], int | None, int]:
    """Pictures to look at, how many there will be, and processes that are worth starting."""
    if (chosen.webcam is None) == (not chosen.source):
        raise InputError("give photos, videos or folders, or --webcam (--help lists every option)")
    if chosen.webcam is not None:
        return sources.frames(chosen.webcam, f"camera{chosen.webcam}", chosen.every or 1), None, 1
    files = sources.list_files(chosen.source)
    for place in chosen.source if chosen.save else ():
        if place.is_dir() and chosen.save.resolve().is_relative_to(place.resolve()):
            raise InputError(f"{shown(chosen.save)}: lies within {shown(place)}, where another run would take annotated pictures for photos; "
                             "choose a folder outside")  # fmt: skip
    total = sources.count(files, chosen.every)
    if chosen.save and any((chosen.save / name).resolve() == file.resolve() for file, name in files):
        raise InputError(
            f"{shown(chosen.save)}: annotated pictures would replace their originals; choose another folder"
        )
    return sources.tasks_of(files, chosen.every), total, min(chosen.jobs or joblib.cpu_count(), max(1, total // 2))


def looked_at(face: Seen, masked: bool) -> np.ndarray:
    """Points (68, 2) by which the network looked at a face: under a mask not those that it hides."""
    return hide_points(face.points) if masked or face.masked else face.points


def sound(one: Answered) -> Answered:
    """A picture and its answers; an error in their place where one is not a number."""
    found, faces = one
    if all(answer.finite for _, *both in faces for answer in both if answer is not None):
        return one
    error = f"{found.task.file}: the network's answer is not a number; its weights are damaged, give other --weights"
    return found._replace(error=error, image=None), []


def save(folder: Path, taken: set[Path], one: Answered, names: tuple[str, ...]) -> None:
    """Write one picture with its answers drawn on. No file is replaced: a name that was taken gets a number, unless the
    file there is this very picture, from the same command."""
    found, faces = one
    name = Path(found.task.name)
    if not writable(name):
        name = name.with_name(f"{name.name}.png")
    drawn = [
        (face.box, looked_at(face, worn is not None), (worn or bare).gates, outputs.lines(face, bare, worn, names))
        for face, bare, worn in faces
    ]
    image = pictures.annotate(found.image, drawn)
    for number in itertools.count(1):
        target = folder / (name if number == 1 else name.with_stem(f"{name.stem}-{number}"))
        if target in taken:
            continue
        if not os.path.lexists(target):
            write_image(target, image)
            break
        if target.is_file() and target.read_bytes() == encoded(target, image):
            break
    taken.add(target)


def predict(chosen: argparse.Namespace) -> int:
    """Do what the options ask for; the exit code."""
    tasks, total, jobs = tasks_for(chosen)
    weights = [Path(chosen.weights)] if chosen.weights else []
    outputs.check_places(chosen.json, chosen.csv, read=[*chosen.source, *weights])
    predictor = load(chosen)
    look = functools.partial(search, size=predictor.size, kind=chosen.put_mask or "", keep=chosen.save is not None)
    report = outputs.Report(
        predictor.emotions, screen=outputs.SCREEN not in (chosen.json, chosen.csv), masks=bool(chosen.put_mask)
    )
    broken, taken = 0, set()
    with workers(jobs) as pool, tqdm(total=total, unit="picture", disable=None, leave=False) as bar:
        found = searched(tasks, look, pool, ahead=(1 if chosen.save else 4) * jobs if jobs > 1 else 0)
        try:
            for one in map(sound, answered(found, predictor, BATCH if total and total > 1 else 1)):
                broken += bool(one[0].error)
                report.add(*one)
                if chosen.save and one[0].image is not None:
                    save(chosen.save, taken, one, predictor.emotions)
                bar.update()
        except KeyboardInterrupt:  # what was found is kept; a camera ends in no other way
            pool.shutdown(cancel_futures=True)
            if chosen.webcam is None:
                raise
        except BrokenProcessPool as error:
            raise OSError("a process that searches faces died (killed, or out of memory): try fewer -j") from error
        finally:
            if report.records or sys.exc_info()[0] is None:  # nothing found does not replace earlier answers
                report.write(chosen.json, chosen.csv)
    return BROKEN if broken else DONE


def main(argv: list[str] | None = None) -> int:
    """Exit code 0; 1 where some file could not be read; 2 for bad input; 130 where the user stopped it."""
    with contextlib.suppress(AttributeError):  # a screen that cannot show a file's name must not end the run
        sys.stdout.reconfigure(errors="backslashreplace")
    return door.run(lambda: predict(build_parser().parse_args(argv)))
