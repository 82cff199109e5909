"""Starting main_trainer.py as users do: as processes of their own, one or several."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TRAINER = [str(ROOT / "main_trainer.py")]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
LIMIT = 240  # seconds that no run of these tests comes near


def alone(*argv: str) -> subprocess.CompletedProcess:
    """One process, without torchrun."""
    return finish(start(sys.executable, *TRAINER, *argv))


def together(*argv: str, script: list[str] = TRAINER) -> subprocess.CompletedProcess:
    """Two processes of this machine under torchrun."""
    return finish(start(*TORCHRUN, "--standalone", "--nproc_per_node", "2", *script, *argv))


def start(*command: str, start_new_session: bool = False) -> subprocess.Popen:
    return subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", errors="replace",
        start_new_session=start_new_session,
        # Shells have background jobs ignore Ctrl-C; these are to hear it however the tests were started.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def finish(process: subprocess.Popen) -> subprocess.CompletedProcess:
    try:
        out, err = process.communicate(timeout=LIMIT)
    finally:
        process.terminate()  # torchrun ends its processes then
        process.wait()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def complaints(done: subprocess.CompletedProcess) -> list[str]:
    """The lines in which our program says what is wrong; torchrun adds a report of its own."""
    return re.findall(r"^error: (.*)$", done.stderr, re.MULTILINE)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
