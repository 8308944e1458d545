"""`past train` and `past evaluate`: what train.py and evaluate.py of a checkout are, from wherever one stands."""

import sys
from collections.abc import Sequence
from importlib import import_module

import typer

# Hydra reads the words itself: all go through untouched, --help, -m and --cfg among them.
UNTOUCHED = {"allow_extra_args": True, "ignore_unknown_options": True}


def train(context: typer.Context) -> None:
    """Train a model. Takes train.py's words: overrides, -m, --cfg job; --help lists what can be set.

    past train experiment=demo data.root=SHARDS model.dim=128
    torchrun --nproc_per_node=8 -m past.train experiment=past_pretrain data.root=SHARDS
    """
    run("past.train", context.args)


def evaluate(context: typer.Context) -> None:
    """Judge a model. Takes evaluate.py's words: task=…, name=…; --help lists what can be set.

    past evaluate task=retrieval name=demo
    past evaluate task=hest_bench task.root=BENCH encoder=uni,resnet50
    """
    run("past.evaluate", context.args)


def run(module: str, words: Sequence[str]) -> None:
    """Run an entry module as if its file had been started with these words.

    Lightning starts the other processes of a node by the words of this one, so the first is the module's own file.
    """
    entry = import_module(module)
    sys.argv = [str(entry.__file__), *words]
    entry.main()
