"""The command line: the original study's words, prefixes, defaults, and one line where they do not fit."""

from pathlib import Path

import pytest

from pre_processing import masks, prepare
from pre_processing.artefacts import InputError
from prediction import command, server
from training import options

ORIGINAL = (
    "--root_path data/rafdb --DB R --main_folder Results --title RAF-DB -j 4 --epochs 60 --start-epoch 0 -b 10 -b_t 10 "
    "--lr 0.001 --momentum 0.9 --weight-decay 1e-4 --print-freq 10 --resume old.pt --model_dir checkpoint_rafdb "
    "--train_list a.txt --valid_list b.txt --test_list c.txt --train_landmarksfile d.pkl --test_landmarksfile e.pkl "
    "--imagesize 224 --end2end True --num_classes 4 --num_regions 20"
)
PREFIXES = {
    "--root": "root_path", "--main_f": "main_folder", "--tit": "title", "--work": "workers", "--epoch": "epochs",
    "--start": "start_epoch", "--batch": "batch_size", "--batch-size_": "batch_size_t", "--learning": "lr",
    "--mom": "momentum", "--weight": "weight_decay", "--print": "print_freq", "--model_d": "model_dir",
    "--train_li": "train_list", "--valid": "valid_list", "--test_li": "test_list", "--train_la": "train_landmarksfile",
    "--test_la": "test_landmarksfile", "--image": "imagesize", "--end2": "end2end", "--num_c": "num_classes",
    "--num_r": "num_regions",
}  # fmt: skip
SHORT = {"-j": "workers", "-b": "batch_size", "-b_t": "batch_size_t", "-p": "print_freq", "--wd": "weight_decay"}
VALUES = {"num_classes": "4", "num_regions": "20", "imagesize": "128", "end2end": "False", "momentum": "0.5"}


def test_a_command_of_the_original_study_parses():
    chosen = options.parse(ORIGINAL.split())
    assert (chosen.DB, chosen.epochs, chosen.batch_size, chosen.batch_size_t) == ("R", 60, 10, 10)
    assert (chosen.num_classes, chosen.num_regions, chosen.imagesize, chosen.end2end) == (4, 20, 224, True)
    assert (chosen.train_list, chosen.test_landmarksfile) == (Path("a.txt"), Path("e.pkl"))
    assert chosen.model_dir == Path("checkpoint_rafdb")


@pytest.mark.parametrize(("word", "name"), [*PREFIXES.items(), *SHORT.items()])
def test_prefixes_and_short_names_mean_what_they_did(word, name):
    value = VALUES.get(name, "3")
    chosen = getattr(options.build_parser().parse_args([word, value]), name)
    default = getattr(options.build_parser().parse_args([]), name)
    assert chosen != default
    assert str(chosen).removesuffix(".0") == value


def test_evaluate_has_a_short_name():
    assert options.build_parser().parse_args(["-e"]).evaluate
    assert options.build_parser().parse_args(["--eval"]).evaluate


def test_paths_follow_from_database_condition_and_folder():
    chosen = options.parse(["--root_path", "x", "--DB", "C", "--condition", "masked", "--main_folder", "Out"])
    assert chosen.valid_list == Path("Out/MaskedDatasets/CKplus/CKplus_validList.txt")
    assert chosen.train_landmarksfile == Path("Out/MaskedDatasets/CKplus/CKplus_landmarksfile.pkl")
    assert chosen.test_landmarksfile == chosen.train_landmarksfile
    assert chosen.results == Path("Out")
    assert chosen.imagesize == 112
    assert options.parse(["--root_path", "x", "--backbone", "vgg16"]).imagesize == 224


def test_condition_is_read_off_the_root(tmp_path):
    assert options.parse(["--root_path", str(tmp_path)]).condition == "unmasked"
    (tmp_path / "manifest.csv").touch()
    assert options.parse(["--root_path", str(tmp_path)]).condition == "masked"
    with pytest.raises(InputError, match="--condition masked"):
        options.parse(["--root_path", str(tmp_path), "--condition", "unmasked"])


def test_bare_faces_are_not_taken_for_masked_ones(tmp_path):
    bare = ["--root_path", str(tmp_path), "--condition", "masked"]
    with pytest.raises(InputError, match=r"holds bare faces \(no manifest\.csv\): give the root of the masked ones"):
        options.parse(bare)
    with pytest.raises(InputError, match="holds bare faces"):
        options.parse([*bare, "-e", "--resume", "best.pt"])
    for more in (["--mask_kinds", "seen"], ["--test_mask_kinds", "seen"], ["--test_list", "own.txt"]):
        assert options.parse([*bare, *more]).condition == "masked"
    (tmp_path / "manifest.csv").touch()
    assert options.parse(bare).condition == "masked"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", "--root_path"),
        ("--root_path x -b 1", "out of range"),
        ("--root_path x --num_classes 5", "give 4 or 7"),
        ("--root_path x --DB Z", "DB"),
        ("--root_path x --epochs 0", "out of range"),
        ("--root_path x --lr fast", "invalid float"),
        ("--root_path x --evaluate", "--resume"),
        ("--root_path x --no-such-option", "--no-such-option"),
        ("--root_path x --num_regions 21", "num_regions"),
        ("--root_path x --tag a/b", "--tag"),
        ("--root_path x --end2end maybe", "neither"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(line, expected):
    with pytest.raises(InputError, match=expected) as caught:
        options.parse(line.split())
    assert "\n" not in str(caught.value)


def parser_of(command, monkeypatch):
    """The parser of a command that builds it where it is called."""
    made = []
    monkeypatch.setattr(options.Parser, "parse_args", lambda self, argv: made.append(self) or exit(0))
    with pytest.raises(SystemExit):
        command([])
    return made[0]


def test_every_option_has_a_help_text_and_shows_its_default(monkeypatch):
    parsers = [
        build() for build in (options.build_parser, prepare.build_parser, masks.build_parser, command.build_parser)
    ]
    parsers.append(parser_of(server.main, monkeypatch))
    for parser in parsers:
        assert all(action.help for action in parser._actions), parser.prog
        text = " ".join(parser.format_help().split())
        assert "None" not in text, parser.prog
        assert "default:" not in text, parser.prog
    text = " ".join(parsers[0].format_help().split())
    for said in (
        "side of the face crop in pixels [lite0, lite2: 112, vgg16: 224] ",
        "momentum of sgd [0.9]",
        "run's own last.pt",
    ):
        assert said in text
    assert "--publish copy the results" in text
    assert "folder of lists and landmark files [Results]" in " ".join(parsers[1].format_help().split())
