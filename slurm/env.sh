#!/usr/bin/env bash
# What every job does first; sourced by the scripts beside it, which are submitted from the repository's root.
set -euo pipefail

if [ -f "${VENV:-.venv}/bin/activate" ]; then
    # shellcheck disable=SC1091
    source "${VENV:-.venv}/bin/activate"
fi
export PYTHONUNBUFFERED=1
if [ -n "${SLURM_CPUS_PER_TASK:-}" ]; then
    export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK # srun no longer takes it from sbatch itself (since SLURM 22.05)
fi
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-${SLURM_CPUS_PER_TASK:-1}}

started=$(date +%s)

# Whether the run of train.py's words "$@" has written a checkpoint since this job started, or came back.
got_further() {
    local word root=runs newest
    for word in "$@"; do
        case $word in output_root=*) root=${word#*=} ;; esac
    done
    newest=$(stat --format=%Y -- "${root/#\~/$HOME}"/*/"$PAST_RUN_ID"/checkpoints/*.ckpt 2>/dev/null | sort -n | tail -n 1)
    [ "${newest:-0}" -ge "$started" ]
}

# Bring the job back, if its step (exit code $1, train.py's words after it) was ended by a signal: USR1 as often as it
# comes (the time limit is near, or someone asked), others (a rank was killed, a node's memory was full) until the job
# was back PAST_RESTARTS times, and only if it got further: ranks that NCCL aborts because one ended with an error would
# meet that error again. An error that train.py explains is final, and so is scancel, which ends this shell too.
come_back_or_exit() {
    local code=$1 usr1=138
    shift
    if [ "$code" -eq "$usr1" ] ||
        { [ "$code" -gt 128 ] && [ "${SLURM_RESTART_COUNT:-0}" -lt "${PAST_RESTARTS:-10}" ] && got_further "$@"; }; then
        echo "job $SLURM_JOB_ID: the step ended with $code; it goes on from its last checkpoint"
        scontrol requeue "$SLURM_JOB_ID"
    fi
    exit "$code"
}
