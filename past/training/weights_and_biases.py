"""Weights & Biases as a logger that never stops a training: where it cannot go online, it goes offline and says so."""

import logging
import os
from typing import Any, Final

import wandb
from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.loggers import WandbLogger

from past.base.text.address import hidden, without_user

log = logging.getLogger(__name__)

ONLINE: Final = ("online", "run", "shared")  # what WANDB_MODE may say of it


class WeightsAndBiases(WandbLogger):
    """Lightning's logger, which falls back to offline without a key, without a network, or with a key that is refused.

    Args:
        offline: whether nothing is sent; 'wandb sync' sends it later.
        timeout: seconds in which the server must have taken the run on; at the end of a training it is waited for four
            times as long until all is sent.
        options: as Lightning's logger takes them (project, name, id, save_dir, …), or `wandb.init`.
    """

    def __init__(self, offline: bool = True, timeout: float = 30.0, **options: Any) -> None:
        bounds = {"init_timeout": timeout, "finish_timeout": 4 * timeout}
        known: dict[str, Any] = {
            name: value for name, value in bounds.items() if name in wandb.Settings.model_fields
        }  # older: fewer
        super().__init__(offline=offline, settings=wandb.Settings(**known), **options)

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The run: online if that was asked for and can be had, else offline."""
        if self._experiment is None and not self._offline and os.environ.get("WANDB_MODE", "online") in ONLINE:
            try:
                if not _has_key():
                    raise wandb.Error("no API key: 'wandb login', or export WANDB_API_KEY")
                return super().experiment
            except wandb.Error as error:
                wandb.teardown(exit_code=1)  # what it has begun to set up would keep the run's id
                self._offline, self._log_model = True, False
                cause = hidden(str(error), os.environ.get("WANDB_BASE_URL", ""))
                log.warning("Weights & Biases is offline (%.200s): send it later with 'wandb sync'", cause)
        return super().experiment

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """End the run: the next one of a sweep, in this process, is another."""
        super().finalize(status)
        if self._experiment is not None:
            self._experiment.finish(exit_code=int(status != "success"))
            self._experiment = None


def _has_key() -> bool:
    """Whether wandb will find a key without asking on the terminal."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    return without_user(wandb.setup().settings.base_url)[2] is not None
