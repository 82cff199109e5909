"""A whole run: faces -> model -> epochs -> the best epoch tested once -> files."""

from __future__ import annotations

import contextlib
import math
import random
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pre_processing import emotions
from pre_processing.artefacts import InputError
from training import batches, checkpoint, data, distributed, engine, metrics, origins, results, selection
from training.checkpoint import plain
from training.contents import ORIGINS, SPLITS
from training.options import AUTO
from training.progress import Progress, after, begun, unbroken
from training.store import fingerprint
from training.trained import trained_on


def seed_everything(seed: int) -> None:
    """Weights, dropout and augmentation follow from the seed."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


class Run:
    """A training run: built from options and faces, or gone on with from a checkpoint.

    InputError where its folders hold another run, a file is missing or not what it should be, faces are in two splits, or the
    checkpoint is of another run or network; engine.TrainingError where the device cannot be used.
    """

    def __init__(self, options: Namespace) -> None:
        self.options = options
        self.folder = results.run_dir(options)
        self.store = options.model_dir or results.checkpoint_dir(options)
        found = False  # by looking for it, not by being named
        if options.resume == AUTO:
            options.resume = self.store / "last.pt" if (self.store / "last.pt").is_file() else None
            found = options.resume is not None
        content = checkpoint.load(options.resume) if options.resume else None
        if found:
            checkpoint.check_same_results(options, content)
        if not (content or options.overwrite):
            for folder in (self.store, self.folder):
                results.check_free(folder)  # before faces are read
        results.check_publish(self.folder, options)
        self.origins = origins.of(options, self.store, content)
        seed_everything(options.seed)
        self.train_faces, self.valid_faces, self.test_faces = (selection.faces_of(s, options) for s in SPLITS)
        selection.check_apart(self.train_faces, self.valid_faces, self.test_faces, options)
        splits = zip(SPLITS, (self.train_faces, self.valid_faces, self.test_faces), strict=True)
        self.faces = {split: fingerprint(sorted(faces.paths)) for split, faces in splits}
        self.test_masks = selection.frozen_masks(options, self.test_faces)
        config = origins.model_config(options)
        if content:
            if "optimizer" not in content:
                raise InputError(
                    f"{options.resume}: holds weights only; resume from last.pt, or give -e to evaluate it"
                )
            checkpoint.check_same_model(options.resume, content, config)
            checkpoint.check_same_run(options, content)
            checkpoint.check_same_faces(options.resume, content, self.faces)
            checkpoint.check_same_teacher(options.teacher, content, self.origins["teacher_sha256"])
        # One process after another: VGG16's weights are downloaded by the first one.
        model = distributed.first_then_others(lambda: origins.first_network(options, config, bool(content)))
        # Not known of an older run that goes on; one that starts from another network tells of that one instead.
        self.origins |= {} if content or options.init_from else {"pretrained": model.pretrained}
        self.generator = torch.Generator().manual_seed(options.seed)
        self.loader = batches.training_loader(
            self.train_faces, options.batch_size, balance=options.balance, generator=self.generator,
            workers=options.workers, pin=engine.choose_device(options.device).type == "cuda",
        )  # fmt: skip
        self.state = engine.make_state(model, options, len(self.loader), (content or {}).get("precision"))
        self.epoch, self.best, self.best_epoch, self.progress = 0, -1.0, 0, Progress()
        self.best_content: dict[str, Any] | None = None  # to be put into best.pt when a run goes on
        self.last, self.kept = options.resume, ""  # what one can go on from, and how far that has come
        if content:
            self.restore(content)
        if options.start_epoch not in (None, self.epoch):
            raise InputError(
                f"--start-epoch {options.start_epoch}: this run goes on after epoch {self.epoch}; leave --start-epoch out"
            )

    def restore(self, content: dict[str, Any]) -> None:
        """Go back to where the checkpoint was written, random states included."""
        path = self.options.resume
        self.best_content = checkpoint.find_best(path, content, self.store)
        self.epoch, self.best, self.best_epoch = content["epoch"], content["best"], content["best_epoch"]
        if self.best_content is None:
            self.best = -1.0  # whatever comes next is better than weights that are lost
        try:
            self.state.load_state_dict(path, content)
            self.progress = begun(content)
            begin = self.progress.sampler
            self.generator.set_state(content["sampler"] if begin is None else begin)
            checkpoint.restore_random_states(content["random"])
        except (InputError, torch.OutOfMemoryError):
            raise
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            # damaged, or of another version
            raise InputError(f"{path}: holds nothing that training can go on from; start without --resume") from error
        self.loader.batch_sampler.skip = self.progress.step
        self.kept = after(self.epoch, self.progress.step)

    def open_folders(self) -> None:
        """Make the run's folder and the one for checkpoints; a run moved here brings its best weights along."""
        distributed.wait()  # nobody may still be looking for what is removed now
        if not distributed.first():
            return
        for folder in (self.store, self.folder):
            results.open_folder(folder, fresh=not self.options.resume)
        if self.best_content:
            checkpoint.save(self.store / "best.pt", self.best_content)
        self.best_content = None

    def save(self, improved: bool) -> None:
        """last.pt with everything, then best.pt with the tested weights where this epoch is the best so far.

        In this order last.pt tells what best.pt has to be, and can give it, where a kill comes between the two.
        """
        if not distributed.first():
            return
        identity = {
            "model_config": self.state.model.config,
            "config": plain(vars(self.options)),
            "class_names": list(self.train_faces.names),
            "faces": self.faces,
            **self.origins,
            "precision": self.state.precision,
            "epoch": self.epoch,
            "best": self.best,
            "best_epoch": self.best_epoch,
        }
        everything = {
            "progress": self.progress.state_dict(),
            "sampler": self.generator.get_state(),
            "random": checkpoint.random_states(),
        }
        checkpoint.save(self.store / "last.pt", {**identity, **self.state.state_dict(), **everything})
        self.last, self.kept = self.store / "last.pt", after(self.epoch, self.progress.step)
        if improved:
            checkpoint.save(self.store / "best.pt", {**identity, "model": self.state.tested.state_dict()})

    def describe(self) -> str:
        """What is trained on what, in a few lines."""
        options, counts = self.options, self.train_faces.counts()
        count, size = distributed.size(), sum(weight.numel() for weight in self.state.model.parameters()) / 1e6
        return "\n".join([
            results.title(options),
            f"{size:.2f} M parameters, {self.state.device}, {self.state.precision}, seed {options.seed}"
            + (f", {count} processes with {options.batch_size // count} faces each in a step" if count > 1 else ""),
            f"faces: train {len(self.train_faces)}, valid {len(self.valid_faces)}, test {len(self.test_faces)}",
            "train: " + ", ".join(f"{name} {count}" for name, count in counts.items()),
        ])  # fmt: skip

    def validate(self, faces: data.Faces, name: str) -> dict[str, np.ndarray]:
        """Predictions of the tested model on `faces`, by all processes for all faces."""
        state, mirror, pin = self.state, self.options.mirror, self.state.device.type == "cuda"
        loader = batches.evaluation_loader(faces, self.options.batch_size_t, self.options.workers, pin)
        found = engine.evaluate(state.tested, loader, state.device, state.precision, name, mirror)
        return distributed.merge(found, len(faces))

    def one_epoch(self) -> dict[str, Any]:
        """Train and validate one epoch, or what is left of it; its record for log.jsonl."""
        done = self.progress
        if not done.step:
            done.lr, done.sampler = self.state.optimizer.param_groups[0]["lr"], self.generator.get_state()
        # An epoch depends on its number alone, so that a run goes on under any number of processes.
        if not (done.step and distributed.first()):
            seed_everything(distributed.epoch_seed(self.options.seed, self.epoch + 1))
        trained = engine.train_epoch(self.state, self.loader, self.options, self.epoch + 1, done)
        predictions = self.validate(self.valid_faces, "valid")
        predicted = predictions["probabilities"].argmax(1)
        valid = metrics.summarise(predictions["label"], predicted, self.valid_faces.names, None)
        own = predictions["probabilities"][np.arange(len(predicted)), predictions["label"]]
        return {
            "epoch": self.epoch + 1,
            "lr": done.lr,
            **{f"train_{key}": trained[key] for key in ("loss", "accuracy")},
            "valid_loss": float(-np.log(np.maximum(own, 1e-12)).mean()),
            "valid_accuracy": valid["accuracy"],
            "valid_macro_recall": valid["macro_recall"],
            **{key: trained[key] for key in ("seconds", "images_per_second", "waiting")},
        }

    def fit(self, log: results.Log, board: results.Board) -> None:
        """Epochs until the last one, or until validation has not got better for --patience epochs."""
        patience = self.options.patience
        while self.epoch < self.options.epochs and self.epoch - self.best_epoch < patience:
            record = self.one_epoch()
            improved = record["valid_accuracy"] > self.best
            with unbroken():
                self.epoch, self.progress = record["epoch"], Progress()
                if improved:
                    self.best, self.best_epoch = record["valid_accuracy"], self.epoch
                # Before the checkpoint: going on drops what is too much, but could not add what lacks.
                log.record(record)
                self.save(improved)
                board.add(record)
                log.say(results.epoch_line(record) + ("  *" if improved else ""))
        if self.epoch < self.options.epochs:
            log.say(f"no better validation for {patience} epochs: stopped")

    def stop(self) -> str:
        """Save where training stands; a line on what is kept and how to go on.

        Many processes may be a step apart: what they keep is the last complete epoch. A second Ctrl-C leaves last.pt as
        it was, and so does a loss that is no number.
        """
        done, alone = self.progress, distributed.size() == 1
        if done.step and alone and math.isfinite(done.loss):
            with contextlib.suppress(KeyboardInterrupt):
                self.save(improved=False)
        if not self.last:
            return "stopped before anything was saved: start again"
        lost = "" if self.kept == after(self.epoch, done.step) else ", what was done since is lost"
        lost += "" if alone or not lost else " (several processes save complete epochs only)"
        where = "auto" if self.last == self.store / "last.pt" else self.last
        return f"stopped, all up to {self.kept} is kept{lost}: go on with --resume {where}"


def train(options: Namespace, command: str) -> dict[str, Any]:
    """Train, test the best epoch once, write the run's files; the figures of metrics.json.

    Raises InputError or engine.TrainingError with one line, KeyboardInterrupt where the user stops it.
    """
    run = Run(options)
    run.open_folders()
    log, board = results.Log(run.folder, options), results.Board(run.folder)
    log.drop_after(run.epoch)
    log.say(f"{command}\n{run.describe()}")
    if options.resume:
        log.say(f"going on after {run.kept} of {options.resume}")
    try:
        run.fit(log, board)
        distributed.wait()  # for the first process to have written best.pt
        best = checkpoint.load(run.store / "best.pt")
        extra = {"command": command, "test_masks": run.test_masks}
        model = checkpoint.tested_network(run.store / "best.pt", best)
        return test(options, run.folder, log, model, best, run.test_faces, extra, run.state.precision)
    except KeyboardInterrupt:
        log.say(run.stop())
        raise
    finally:
        board.close()


def evaluate(options: Namespace, command: str) -> dict[str, Any]:
    """Test the checkpoint --resume on the test list; the figures of metrics.json.

    InputError where it is none of a best epoch or of other emotions, its folder holds another test, or a face cannot be read.
    """
    content = checkpoint.load(options.resume)
    checkpoint.check_best(options.resume, content)
    # The network is the checkpoint's; the number of emotions must still be the one that was asked for.
    asked = {"num_classes": options.num_classes}
    checkpoint.check_same_model(options.resume, content, asked)
    for key, value in {**content["model_config"], "seed": content["config"]["seed"]}.items():
        setattr(options, key, value)
    model = checkpoint.tested_network(options.resume, content)  # before an older test is replaced
    trained = content["config"]
    folder = results.run_dir(options, f"{emotions.DATABASES[trained['DB']]}-{trained_on(trained)}")
    results.check_same_test(folder, options, content["best"])  # before faces are read
    results.check_publish(folder, options)
    faces = selection.faces_of("test", options)
    extra = {"command": command, "test_masks": selection.frozen_masks(options, faces)}
    if distributed.first():
        results.open_folder(folder, fresh=True)
    log = results.Log(folder, options)
    log.say(f"{command}\n{results.title(options)}\nfaces: test {len(faces)}")
    return test(options, folder, log, model, content, faces, extra, None)


def test(options: Namespace, folder: Path, log: results.Log, model: torch.nn.Module, content: dict[str, Any],
         faces: data.Faces, extra: dict[str, Any], before: str | None) -> dict[str, Any]:  # fmt: skip
    """Test the model of a checkpoint's content on `faces` and write all that a run leaves; `extra` goes to metrics.json too.

    All processes test, the first one writes and returns the figures. `before` is the precision that a run was trained in
    and is tested in too under --precision auto, wherever it went on.
    """
    device = engine.choose_device(options.device)
    model = model.to(device, memory_format=torch.channels_last)
    loader = batches.evaluation_loader(faces, options.batch_size_t, options.workers, device.type == "cuda")
    precision = engine.choose_precision(options.precision, device, model.config["backbone"], before)
    predictions = engine.evaluate(model, loader, device, precision, "test", options.mirror)
    predictions = distributed.merge(predictions, len(faces))
    if not distributed.first():
        return {}
    extra = {
        "train_database": emotions.DATABASES[content["config"]["DB"]],
        "train_condition": trained_on(content["config"]),
        "best_epoch": content["best_epoch"],
        "valid_accuracy": content["best"],
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "precision_trained": content.get("precision"),
        "precision_used": precision,
        "device_used": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        **{key: content[key] for key in ORIGINS if key in content},
        **extra,
    }
    found = results.write(folder, options, predictions, faces, extra)
    log.say(f"\ntest of epoch {content['best_epoch']}, the best on validation "
            f"({metrics.percent(content['best'])} %)\n{metrics.report(found, faces.names)}")  # fmt: skip
    if options.publish:
        results.publish(folder, options)
        log.say(f"published in {folder.parent.parent}")
    return found
