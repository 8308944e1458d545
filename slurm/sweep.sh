#!/usr/bin/env bash
# A sweep, each run a job of its own; waits for all of them. From the repository's root, on a login node:
#   slurm/sweep.sh experiment=past_her2st model.temperature=0.05,0.07
# With an installed wheel in place of a checkout: "past train -m" in the last line.
source slurm/env.sh

export PAST_RUN_ID=${PAST_RUN_ID:-sweep-$(date +%Y%m%d-%H%M%S)}
echo "the runs are called $PAST_RUN_ID-0, -1, …; compare them by: past report <output_root>/<name>/$PAST_RUN_ID-*"
python train.py -m launcher=slurm "$@"
