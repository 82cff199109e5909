"""Work on many files by many processes, a chunk at a time, with a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from joblib import Parallel, cpu_count, delayed
from tqdm import tqdm


def in_chunks(
    work: Callable[..., Any], tasks: Sequence[Any], size: int, jobs: int, *more: Any, ordered: bool = False,
    done: int = 0, **bar: Any,
) -> Iterator[Any]:  # fmt: skip
    """work(tasks[a:b], *more) for chunks of `size` tasks on `jobs` processes (0 or less: all cores).

    As they are done, or `ordered` as they are asked for. `bar`: settings of tqdm; it counts tasks, on top of those that were
    `done` before.
    """
    starts = range(0, len(tasks), size)
    jobs = min(jobs if jobs > 0 else cpu_count(), len(starts) or 1)
    calls = (delayed(_counted)(work, tasks[at : at + size], *more) for at in starts)
    with tqdm(total=done + len(tasks), initial=done, **bar) as shown:
        for count, found in Parallel(n_jobs=jobs, return_as="generator" if ordered else "generator_unordered")(calls):
            yield found
            shown.update(count)


def _counted(work: Callable[..., Any], tasks: Sequence[Any], *more: Any) -> tuple[int, Any]:
    return len(tasks), work(tasks, *more)
