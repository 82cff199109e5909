"""The study runs what is not done, in order, and goes on where it stopped."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import small_job
import study_job
import torch
from small_weights import content_of

import main_trainer
from pre_processing.artefacts import InputError
from training import cells, checkpoint, door, engine, options, study
from training.checkpoint import plain

FIRST, SECOND, TEST = (f"7-gacnn-lite0-s1-{name}" for name in ("unmasked-bare", "masked-seen", "unmasked-seen"))
LINES = """# Networks of seed 1, and what masks do to the first.
python main_trainer.py --root_path data/faces --DB F --condition unmasked --seed 1 --epochs 2
python main_trainer.py --root_path data/faces --DB F --condition masked --mask_kinds seen --seed 1 --epochs 2
python main_trainer.py --root_path data/faces --DB F -e --resume checkpoint_ferplus/7U-gacnn-lite0-s1/best.pt --test_mask_kinds seen
# Elsewhere.
python main_trainer.py --root_path data/affectnet --DB A --condition unmasked
python main_trainer.py --root_path data/faces --DB F --condition unmasked --backbone vgg16
"""


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    """A short Scripts.txt in a folder of its own, where no GPU is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cells, "SCRIPTS", tmp_path / "Scripts.txt")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    Path("Scripts.txt").write_text(LINES)


@pytest.fixture
def trainer(scripts, monkeypatch):
    """Commands that were run; each leaves invented results and weights at once, or what `.answer` says."""

    class Trainer(list):
        answer = staticmethod(lambda argv: door.DONE)

        def __call__(self, argv):
            self.append(argv)
            code = self.answer(argv)
            if code == door.DONE:
                argv = argv[: argv.index("auto") - 1] if "auto" in argv else argv
                cell = next(cell for cell in cells.read(Path("Scripts.txt")) if list(cell.argv) == argv)
                study_job.leave(cell, np.arange(14) % 7, np.arange(14) % 7)
                cell.weights.mkdir(parents=True, exist_ok=True)
                (cell.weights / "best.pt").touch()
            return code

    made = Trainer()
    monkeypatch.setattr(main_trainer, "main", made)
    return made


def listed(capsys) -> str:
    capsys.readouterr()
    assert study.main(["--list"]) == 0
    return capsys.readouterr().out


def test_every_line_of_the_matrix_has_a_name_and_a_folder_of_its_own():
    matrix = cells.read()
    assert len({cell.id for cell in matrix}) == len({cell.folder for cell in matrix}) == len(matrix)
    assert all(options.parse(list(cell.argv)).DB == "F" for cell in matrix)
    assert {cell.train for cell in matrix} == {
        "unmasked",
        "masked",
        "both",
        "unmasked+duplicates",
        "masked+init_from",
        "masked+160px+teacher+init_from",
        "both+160px+teacher",
        "both+160px+teacher+consistency+invented",
    }
    under = {f"{kinds}-under-surgical_white" for kinds in ("seen", "unseen")}
    assert {cell.test for cell in matrix} == {"bare", "seen", "unseen", "low", "window"} | under


def test_lines_run_in_order_and_only_once(trainer, capsys):
    assert study.main([]) == 0
    assert [" ".join(argv) for argv in trainer] == [cell.line.removeprefix(cells.TRAINER) for cell in cells.read()[:3]]
    said = capsys.readouterr().out
    assert "3 of 4 done\n  7-gacnn-vgg16-s0-unmasked-bare: not run: wants a GPU" in said
    assert study.main([]) == 0
    assert len(trainer) == 3
    assert "3 of 4 done" in listed(capsys)


def test_a_part_can_be_chosen(trainer, capsys):
    assert study.main(["--only", "masked-seen"]) == 0
    assert len(trainer) == 1
    assert f"{TEST}: not run: waits for {FIRST}" in capsys.readouterr().out
    assert study.main(["--only", "nothing of the kind"]) == door.BAD_INPUT
    assert "--list shows" in capsys.readouterr().err


def test_a_gpu_takes_vgg16_as_well(trainer, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert study.main([]) == 0
    assert "4 of 4 done" in capsys.readouterr().out


def test_a_line_that_fails_stops_only_what_needs_it(trainer, capsys):
    trainer.answer = lambda argv: door.DONE if "masked" in argv else door.BAD_INPUT
    assert study.main([]) == door.FAILED
    said = capsys.readouterr().out
    assert f"{FIRST}: failed: exit code 2" in said
    assert f"{SECOND}: done" in said
    assert f"{TEST}: not run: waits for {FIRST}" in said


def test_ctrl_c_ends_with_one_line(trainer, capsys):
    trainer.answer = lambda argv: door.STOPPED
    assert study.main([]) == door.STOPPED
    assert len(trainer) == 1
    assert capsys.readouterr().err == study.GO_ON + "\n"


def leave_last(config: dict) -> None:
    folder = cells.read()[0].weights
    folder.mkdir(parents=True)
    checkpoint.save(folder / "last.pt", content_of(config=config))


def test_a_run_that_was_cut_off_goes_on(trainer, capsys):
    leave_last(plain(vars(cells.read()[0].chosen)))
    assert f"{FIRST}: cut off" in listed(capsys)
    assert study.main(["--only", FIRST]) == 0
    assert trainer[0][-2:] == ["--resume", "auto"]


def test_weights_and_results_of_other_commands_are_left_alone(trainer, capsys):
    leave_last({**plain(vars(cells.read()[0].chosen)), "lr": 1.0})
    assert "last.pt is of another command" in listed(capsys)
    study_job.leave(cells.read()[1], np.arange(14) % 7, np.arange(14) % 7, config={})
    assert study.main([]) == 0
    assert trainer == []
    assert f"{SECOND}: not run: its folder holds a run of another command; remove " in capsys.readouterr().out


def test_a_network_is_not_tested_before_it_is_trained(trainer, capsys):
    """best.pt is there from the first epoch on."""
    leave_last(plain(vars(cells.read()[0].chosen)))
    (cells.read()[0].weights / "best.pt").touch()
    assert f"{TEST}: not run: waits for {FIRST}" in listed(capsys)
    study_job.leave(cells.read()[0], np.arange(14) % 7, np.arange(14) % 7)
    (cells.read()[0].weights / "best.pt").unlink()
    assert f"{TEST}: not run: checkpoint_ferplus/7U-gacnn-lite0-s1/best.pt is missing" in listed(capsys)


def test_a_network_waits_for_the_one_that_it_starts_from(trainer, capsys):
    """best.pt is there from the first epoch on."""
    first, name = "checkpoint_ferplus/7U-gacnn-lite0-s1/best.pt", "7-gacnn-lite0-s1-masked+init_from-seen"
    line = LINES.splitlines()[2] + f" --init_from {first} --tag after"
    Path("Scripts.txt").write_text(f"{LINES}{line}\n")
    Path(first).parent.mkdir(parents=True)
    Path(first).touch()
    assert f"{name}: not run: waits for {FIRST}" in listed(capsys)
    study_job.leave(cells.read()[0], np.arange(14) % 7, np.arange(14) % 7)
    assert f"{name}: ready" in listed(capsys)
    Path(first).unlink()
    assert f"{name}: not run: {first} is missing (results ship, weights do not)" in listed(capsys)
    Path("Scripts.txt").write_text(f"{line}\n{LINES}")
    with pytest.raises(InputError, match=f"no line trains {first}"):
        cells.read()


def test_near_duplicates_need_lists_of_their_own(trainer, capsys):
    Path("Scripts.txt").write_text(
        LINES.replace("data/faces", "data/faces --main_folder data/faces-duplicates --results Results")
    )
    assert "7-gacnn-lite0-s1-unmasked+duplicates-bare: not run: data/faces-duplicates/" in listed(capsys)
    lists = cells.read()[0].chosen.train_list
    lists.parent.mkdir(parents=True)
    lists.touch()
    assert "7-gacnn-lite0-s1-unmasked+duplicates-bare: ready" in listed(capsys)


def test_two_studies_do_not_run_at_once(trainer, capsys):
    def second(argv):
        assert study.main([]) == door.BAD_INPUT
        return door.FAILED

    trainer.answer = second
    study.main(["--only", FIRST])
    assert study.HELD in capsys.readouterr().err


def test_a_test_without_a_training_line_is_refused(scripts):
    Path("Scripts.txt").write_text("\n".join(line for line in LINES.splitlines() if "unmasked" not in line))
    with pytest.raises(InputError, match=r"no line trains checkpoint_ferplus/7U-gacnn-lite0-s1/best\.pt"):
        cells.read()
    with pytest.raises(InputError, match="no such file"):
        cells.read(Path("none.txt"))


def test_real_runs_stopped_and_gone_on_with(scripts, tmp_path, monkeypatch, capsys):
    small_job.make_job(tmp_path)
    tiny = " ".join(small_job.TINY)
    Path("Scripts.txt").write_text(
        f"python main_trainer.py --root_path data/faces --condition unmasked --epochs 2 --publish {tiny}\n"
        "python main_trainer.py --root_path data/faces -e --resume checkpoint_ferplus/7U-cnn-lite0-s0/best.pt "
        "--test_mask_kinds seen -j 0 --device cpu\n"
    )
    train_epoch = engine.train_epoch

    def stopped_in_the_second(*given):
        if given[3] == 2:
            raise KeyboardInterrupt
        return train_epoch(*given)

    with monkeypatch.context() as patch:
        patch.setattr(engine, "train_epoch", stopped_in_the_second)
        assert study.main([]) == door.STOPPED
    assert "7-cnn-lite0-s0-unmasked+64px-bare: cut off" in listed(capsys)
    assert study.main([]) == 0
    published = Path("Results/UnmaskedDatasets/FERPlus/SevenEmotions/metrics.json")
    published.unlink()  # as if killed before it was copied
    assert study.main([]) == 0
    assert published.is_file()
    assert listed(capsys) == "2 of 2 done\n"


def test_what_the_user_shows_is_not_replaced(trainer, capsys):
    Path("Scripts.txt").write_text(LINES.splitlines()[1] + " --publish\n")
    own = cells.read()[0].folder / "metrics.json"
    study_job.leave(cells.read()[0], np.arange(14) % 7, np.arange(14) % 7)
    shown = own.parents[2] / "metrics.json"
    another = json.dumps({**json.loads(own.read_text()), "command": "python main_trainer.py --tag mine"})
    shown.write_text(another)
    assert study.main([]) == 0
    assert shown.read_text() == another
    assert f"{shown} shows the run of python main_trainer.py --tag mine; remove it" in capsys.readouterr().out
    shown.unlink()
    assert study.main([]) == 0
    assert shown.read_bytes() == own.read_bytes()
