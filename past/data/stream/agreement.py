"""Ranks that read together stop together."""

import contextlib
from typing import cast

import torch
import torch.distributed as dist

from past.base.distributed import is_distributed
from past.base.errors import DataError


class Agreement:
    """Keeps the ranks together: before any of them uses a batch, each knows how all the others fare.

    Made on all ranks at once (it opens a process group of its own, over gloo, so that it crosses nobody's traffic).
    """

    def __init__(self) -> None:
        self._group: dist.ProcessGroup | None = None
        if is_distributed():
            self._group = cast("dist.ProcessGroup", dist.new_group(backend="gloo"))

    def __getstate__(self) -> dict[str, None]:
        """Stay with the process that made it: a worker that it travels to is alone."""
        return {"_group": None}

    def stop_others(self, failure: str) -> None:
        """Stop the other ranks with this message."""
        if self._group is not None:
            with contextlib.suppress(DataError):
                self.check(failure, 0)

    def check(self, failure: str | None, skipped: int) -> int:
        """Return how many samples all ranks together have skipped.

        Raises:
            DataError: some rank failed, on every rank with that rank's message; or one is gone without a word.
        """
        if self._group is None:
            if failure is not None:
                raise DataError(failure)
            return skipped
        own = torch.tensor([failure is not None, skipped])
        states = [torch.empty_like(own) for _ in range(dist.get_world_size())]
        messages: list[str | None] = [None] * len(states)
        try:
            dist.all_gather(states, own, group=self._group)
            failed = any(state[0] for state in states)
            if failed:
                dist.all_gather_object(messages, failure, group=self._group)
        except RuntimeError as error:
            raise DataError(f"another rank is gone ({str(error)[-120:]}): its own log says why") from error
        if failed:
            with contextlib.suppress(RuntimeError):  # nobody leaves before all have read
                dist.barrier(group=self._group)
            rank, message = next((i, message) for i, message in enumerate(messages) if message is not None)
            raise DataError(f"rank {rank}: {message}")
        return sum(int(state[1]) for state in states)
