"""Run the scripts that measure how fast networks train and answer: ``python benchmarks/all.py --write``.

The last ones need faces, and one of them a trained network: ``--root_path data/ferplus --checkpoint BEST.pt``. Without they are
left out.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
# Script, its options, and those of a quick trial.
SCRIPTS = (
    ("acnn_speed.py", [], ["-b", "8", "-n", "1", "--num_regions", "24"]),
    ("model_speed.py", ["--backbone", "lite0"], ["-b", "16", "-n", "1"]),
    ("model_speed.py", ["--backbone", "vgg16", "-n", "3"], ["-b", "4", "-n", "1"]),
)
MASKS = ("mask_training.py", [], ["--steps", "2", "-n", "1"])
ONNX = ("onnx_speed.py", [], ["--singles", "20", "-n", "1"])


def commands(args: argparse.Namespace, more: list[str]) -> list[list[str]]:
    """One command for each table."""
    shared = [*(["--write"] if args.write else []), *(["--threads", str(args.threads)] if args.threads else [])]
    shared += ["--device", args.device] if args.device else []

    def command(script: tuple[str, list[str], list[str]], *further: object) -> list[object]:
        name, given, quick = script
        return [HERE / name, *further, *given, *(quick if args.quick else []), *shared]

    chosen = [command(script) for script in SCRIPTS]
    if more:
        chosen.append(command(MASKS) + more)
    if args.checkpoint:
        chosen.append(command(ONNX, args.checkpoint) + more)
    return [[sys.executable, *map(str, command)] for command in chosen]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], epilog="Further options say which faces, as those of main_trainer.py do."
    )
    parser.add_argument("--write", action="store_true", help="put the tables into benchmarks/README.md")
    parser.add_argument("--quick", action="store_true", help="a trial of every script; its numbers mean little")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device")
    parser.add_argument("--checkpoint", type=Path, help="a best.pt, for the table of ONNX Runtime")
    args, more = parser.parse_known_args(argv)
    if args.quick and args.write:
        parser.error("--quick measures too little to be written down")
    failed = 0
    for command in commands(args, more):
        print("$", *command[1:], flush=True)
        failed += subprocess.run(command, check=False).returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
