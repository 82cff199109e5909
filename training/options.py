"""Command line of main_trainer.py: the original study's options, then this project's own."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from models import BACKBONES, LARGEST, MODELS, SMALLEST
from models.regions import REGIONS
from pre_processing import artefacts, emotions
from pre_processing.artefacts import InputError
from pre_processing.helping import HelpFormatter
from pre_processing.mask_kinds import kinds_of

CONDITIONS = ("masked", "unmasked")
IMAGE_SIZE = {name: trunk.imagesize for name, trunk in BACKBONES.items()}
PRECISIONS = ("fp32", "bf16", "fp16")
AUTO = Path("auto")  # --resume auto
NO_REGIONS = "--teacher_features: a cnn has no regions; give --model pacnn or gacnn, and a --teacher that is one"


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line, raised as InputError so that notebooks see it as well."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"formatter_class": HelpFormatter, **settings})

    def error(self, message: str) -> None:
        raise InputError(f"{message} (--help lists every option)")


def number(kind: type, low: float, high: float = float("inf")):
    """A type for argparse: a number of `kind` from `low` to `high`, both included."""

    def convert(text: str) -> float:
        value = kind(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is out of range, give {low:g} to {high:g}")
        return value

    convert.__name__ = kind.__name__
    return convert


def mask_kinds(text: str) -> str:
    """A type for argparse: kinds of masks as they were written, where all are known."""
    try:
        kinds_of(text)
    except InputError as error:  # argparse would keep the message of other errors to itself
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def yes_or_no(text: str) -> bool:
    """The original wrote `--end2end True`; a bare --end2end means yes."""
    answers = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.lower() not in answers:
        raise argparse.ArgumentTypeError(f"{text} is neither True nor False")
    return answers[text.lower()]


def build_parser() -> Parser:
    """Every option with its long and short names; unambiguous prefixes such as --epoch are accepted."""
    parser = Parser(
        prog="main_trainer.py",
        description="Train or evaluate an attention CNN on masked or unmasked faces.",
        allow_abbrev=True,
    )
    add_original(parser)
    add_ours(parser)
    return parser


def add_original(parser: Parser) -> None:
    """Options of the original study, spelt as its documentation spells them."""
    add = parser.add_argument
    add("--root_path", type=Path, help="folder that the lists' paths are relative to")
    add("--DB", choices=list(emotions.DATABASES), default="F", help="database: " + database_codes())
    add("--main_folder", type=Path, default=Path("Results"), help="folder of lists, landmark files and results")
    add("--title", help="title of the confusion picture [made from the run]")
    add(
        "-j",
        "--workers",
        type=number(int, 0),
        default=1,
        help="loading processes (0: none)",
    )
    add("--epochs", type=number(int, 1), default=60, help="most epochs to train")
    add(
        "--start-epoch",
        type=number(int, 0),
        help="accepted as the original study gave it: 0, or with --resume the epoch it goes on after",
    )
    # --batch would be a prefix of two options; people type it, and mean this one.
    add("-b", "--batch-size", "--batch", type=number(int, 2), default=64, help="faces in a training step, of all processes "
        "together")  # fmt: skip
    add("-b_t", "--batch-size_t", type=number(int, 1), default=128, help="faces in an evaluation step")
    add("--lr", "--learning-rate", type=number(float, 0), default=1e-3, help="learning rate at its highest")
    add("--momentum", type=number(float, 0, 1), default=0.9, help="momentum of sgd")
    add("--weight-decay", "--wd", type=number(float, 0), default=5e-4, help="weight decay")
    add("--print-freq", "-p", type=number(int, 1), default=50, help="steps between two progress figures")
    add("--resume", type=Path, help="checkpoint to go on from (last.pt), or with -e to evaluate (best.pt, or the name of shipped weights); "
        "auto: this run's own last.pt if it is there, else start")  # fmt: skip
    add("-e", "--evaluate", action="store_true", help="evaluate --resume on the test list, train nothing")
    add("--model_dir", type=Path, help="folder for last.pt and best.pt [checkpoint_<database>/<run> beside --results]")
    for split in ("train", "valid", "test"):
        add(f"--{split}_list", type=Path, help=f"list of the {split} faces [from --main_folder, --DB, --condition]")
    add("--train_landmarksfile", type=Path, help="landmark file of train and valid [likewise]")
    add("--test_landmarksfile", type=Path, help="landmark file of test [likewise]")
    add(
        "--imagesize",
        type=number(int, SMALLEST, LARGEST),
        help="side of the face crop in pixels [lite0, lite2: 112, vgg16: 224]",
    )
    add("--end2end", type=yes_or_no, nargs="?", const=True, default=True, help="False keeps the backbone as it is")
    add("--num_classes", type=int, default=7, help="4 (Neutral, Happy, Angry, Surprise) or 7 emotions")
    add("--num_regions", type=int, choices=REGIONS, default=24, help="24: paper; 20: upper face")


def add_ours(parser: Parser) -> None:
    """Options that the original study did not have."""
    add = parser.add_argument
    add("--model", choices=MODELS, default="gacnn", help="gacnn: global-local, pacnn: patches, cnn: plain control")
    add("--backbone", choices=BACKBONES, default="lite0", help="ImageNet network that the features come from")
    add("--condition", choices=CONDITIONS, help="[masked where the root holds the masks' manifest.csv]")
    add("--mask_kinds", type=mask_kinds, help="bare faces of --root_path wear masks of these kinds, in training other "
        "ones each time: seen, surgical, kn95,cloth_dots ...")  # fmt: skip
    add("--mask_share", type=number(float, 0, 1), default=1.0, help="share of faces in training and validation that wear "
        "one of --mask_kinds")  # fmt: skip
    add("--same_masks", action="store_true", help="each face wears the same mask of --mask_kinds, or none, at every look of training, "
        "as copies on disk would")  # fmt: skip
    add("--test_mask_kinds", type=mask_kinds, help="bare test faces wear masks of these kinds, always the same ones "
        "[--mask_kinds]")  # fmt: skip
    add("--second_mask", type=mask_kinds, metavar="KIND", help="whoever wears a mask of --mask_kinds or --test_mask_kinds "
        "gets one of this kind over it: below surgical_white, unknown masks look like known ones")  # fmt: skip
    add("--teacher", type=Path, help="network (best.pt, or the name of shipped weights) that sees each face without its mask, at its "
        "own --imagesize; its answers are half of the target")  # fmt: skip
    add("--teacher_features", type=number(float, 0), default=0.0, help="weight of how differently network and --teacher find faces "
        "alike, by their features of regions that no mask hides")  # fmt: skip
    add("--init_from", type=Path, help="network (best.pt, or the name of shipped weights) whose weights training starts with, not "
        "ImageNet's; its --imagesize may be another")  # fmt: skip
    add("--consistency", type=number(float, 0), default=0.0, help="each face is looked at twice, each look with a mask of its own or, "
        "by --mask_share, without, and the distance of the answers (symmetric KL divergence) is added to the loss with this weight")  # fmt: skip
    add("--samples", type=Path, help="samples.csv with votes and certainty [beside the lists, if there]")
    add("--precision", choices=("auto", *PRECISIONS), default="auto",
        help="auto: bf16 on a GPU (older ones fp16), and for vgg16 on a CPU that has it; what a run goes on in stays. fp32 on a "
        "GPU convolves in TF32, as PyTorch does")  # fmt: skip
    add("--seed", type=number(int, 0, 2**31 - 1), default=0, help="seed of weights, sampling and augmentation")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1")
    add("--limit_batches", type=number(int, 1), help="most batches of an epoch and of an evaluation, for a trial")
    add("--tag", help="ending of the run folder's name")
    add("--optimizer", choices=("sgd", "adamw"), default="sgd", help="how weights are changed")
    add("--schedule", choices=("exponential", "cosine"), default="exponential", help="exponential: x0.95 an epoch")
    add("--balance", type=number(float, 0, 1), default=0.5, help="e: faces are drawn with weight n_class^-e")
    add(
        "--targets",
        choices=("hard", "votes"),
        default="hard",
        help="hard: one emotion, votes: the raters' shares as soft targets",
    )
    add(
        "--label_smoothing",
        type=number(float, 0, 0.9),
        default=0.0,
        help="share of the target that all emotions get alike",
    )
    add("--ema", type=number(float, 0, 0.99999), default=0.0, help="decay of averaged weights, which are then tested")
    add("--mirror", action="store_true", help="validate and test on the mean answer for a face and its mirror image")
    add("--patience", type=number(int, 1), default=10, help="epochs without a better validation before stopping")
    add("--results", type=Path, help="folder that runs are written to [--main_folder]")
    add("--cache", type=Path, help="folder for files of decoded faces, made as needed [cache in --main_folder]")
    add("--overwrite", action="store_true", help="replace a run of the same name")
    add("--publish", action="store_true", help="copy the results one level up, where the README's table finds them")
    add("--scratch", action="store_true", help="start from random weights, not from ImageNet's")


def database_codes() -> str:
    """`A AffectNet, C CKplus, ...` for the help text."""
    return ", ".join(f"{code} {name}" for code, name in emotions.DATABASES.items())


def parse(argv: list[str]) -> argparse.Namespace:
    """Options with every default filled in; InputError in one line where they do not fit together."""
    options = build_parser().parse_args(argv)
    if options.root_path is None:
        raise InputError("--root_path is missing: give the folder that the lists' paths are relative to")
    if options.evaluate and options.resume is None:
        raise InputError(
            "--evaluate needs --resume CHECKPOINT, for example --resume checkpoint_ferplus/7M-gacnn-lite0-s0/best.pt"
        )
    if options.evaluate and options.resume == AUTO:
        raise InputError("--evaluate with --resume auto: say which checkpoint, such as a best.pt")
    if options.num_classes not in emotions.SUBSETS:
        raise InputError(f"--num_classes {options.num_classes}: give 4 or 7")
    if options.tag and not options.tag.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise InputError(f"--tag {options.tag}: use letters, digits, dot, hyphen and underscore")
    if options.evaluate and (options.init_from or options.teacher):
        raise InputError("--evaluate trains nothing: leave --init_from and --teacher out")
    if options.init_from and options.scratch:
        raise InputError("--init_from and --scratch: give one of the two")
    options.imagesize = options.imagesize or IMAGE_SIZE[options.backbone]
    if options.mask_kinds and options.condition != "unmasked":
        options.test_mask_kinds = options.test_mask_kinds or options.mask_kinds
    options.condition = find_condition(options)
    check_looks(options)
    options.results = options.results or options.main_folder
    options.cache = options.cache or options.main_folder / "cache"
    fill_paths(options)
    return options


def find_condition(options: argparse.Namespace) -> str:
    """The condition of the test faces: the one asked for, else what root and masks show.

    Unmasked points on masked faces would leak what masks hide, so a contradiction is an InputError.
    """
    root, drawn = options.root_path, options.test_mask_kinds
    has_masks = (root / "manifest.csv").is_file()
    if has_masks and options.condition == "unmasked":
        raise InputError(f"{root} holds masked faces (manifest.csv): give --condition masked or the unmasked root")
    if has_masks and (options.mask_kinds or drawn):
        raise InputError(f"{root} holds masked faces (manifest.csv): --mask_kinds needs the root of the bare ones")
    listed = options.test_list or options.test_landmarksfile  # whoever brings lists may have faces masked in other ways
    if options.condition == "masked" and root.is_dir() and not (has_masks or options.mask_kinds or drawn or listed):
        raise InputError(
            f"{root} holds bare faces (no manifest.csv): give the root of the masked ones, or --mask_kinds"
        )
    if drawn and options.condition == "unmasked":
        raise InputError("--test_mask_kinds puts masks on the test faces: give --condition masked, or leave it out")
    return options.condition or ("masked" if has_masks or drawn else "unmasked")


def check_looks(options: argparse.Namespace) -> None:
    """InputError where a second look at a face, or a second mask on it, does not go with the other options."""
    if (options.teacher or options.consistency) and not options.mask_kinds:
        raise InputError("--teacher and --consistency are for masks that training puts on: give --mask_kinds as well")
    if options.same_masks and not options.mask_kinds:
        raise InputError("--same_masks is for masks that training puts on: give --mask_kinds as well")
    if options.same_masks and (options.teacher or options.consistency):
        raise InputError(
            "--same_masks: a --teacher, or a second look with --consistency, needs masks that change; leave one of them out"
        )
    if options.teacher_features and not options.teacher:
        raise InputError("--teacher_features: give the --teacher as well")
    if options.teacher_features and options.model == "cnn":
        raise InputError(NO_REGIONS)
    if options.second_mask and not (options.mask_kinds or options.test_mask_kinds):
        raise InputError("--second_mask goes over another mask: give --mask_kinds or --test_mask_kinds as well")


def prepared(options: argparse.Namespace) -> artefacts.ListPaths:
    """Lists, landmark files and samples.csv that pre_processing.prepare writes."""
    # Both conditions have the same lists; only the unmasked landmark file has the points of bare faces.
    bare = options.mask_kinds or options.test_mask_kinds
    return artefacts.ListPaths(
        options.main_folder, "unmasked" if bare else options.condition, emotions.DATABASES[options.DB]
    )


def fill_paths(options: argparse.Namespace) -> None:
    """Those files where others were not given."""
    files = prepared(options)
    options.train_list = options.train_list or files.train
    options.valid_list = options.valid_list or files.valid
    options.test_list = options.test_list or files.test
    options.train_landmarksfile = options.train_landmarksfile or files.landmarks
    options.test_landmarksfile = options.test_landmarksfile or options.train_landmarksfile
    if options.samples is None and files.samples.is_file():
        options.samples = files.samples
