"""Lightning on a cluster: the processes are srun's, and a job comes back only by who started it."""

import os

from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

from past.base.slurm import started_by_srun


def cluster_plugins() -> list[SLURMEnvironment]:
    """Return what makes Lightning take its ranks from srun, if srun started this process.

    Lightning itself would look for torchrun first, and not at all in a job called "interactive". It may not requeue:
    it would save within an update, each rank in another place, while KeepLast saves between two.
    """
    return [SLURMEnvironment(auto_requeue=False)] if started_by_srun(os.environ) else []
