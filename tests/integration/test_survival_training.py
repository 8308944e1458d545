"""What the arms of the survival model find that is planted, and how much memory a large bag takes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from past.evaluation.statistics.concordance import harrell
from past.models.survival.batch import BagBatch
from past.models.survival.loss import cox
from past.models.survival.model import SurvivalModel
from past.models.survival.predict import predict, predict_risk

pytestmark = pytest.mark.slow
PATIENTS, FEATURES, SETS, SHARE = 200, 16, 5, 0.02
UPDATES = 150


def planted(tiles_matter: float, genes_matter: float, seed: int = 0) -> tuple[list[BagBatch], dict[str, np.ndarray]]:
    """Return a bag a patient of 500 to 5,000 tiles, 2 % of which carry the risk, and which these are."""
    rng = np.random.default_rng(seed)
    of_tiles, genes = rng.normal(size=PATIENTS), rng.normal(size=(PATIENTS, SETS)).astype(np.float32)
    risk = tiles_matter * of_tiles + genes_matter * genes[:, 0]
    time, censored = rng.exponential(np.exp(-risk)), rng.exponential(4, PATIENTS)
    bags, carriers = [], {}
    for i in range(PATIENTS):
        number = int(rng.integers(500, 5000))
        tiles = rng.normal(size=(number, FEATURES)).astype(np.float32)
        tiles[:, 1] += rng.normal(0, 0.5)  # slides differ, and the mean sees that first
        own = rng.permutation(number)[: round(SHARE * number)]
        tiles[own, 0], tiles[own, 1] = 8, 4 * of_tiles[i]  # what they look like, and what they say
        carriers[f"P{i}"] = own
        bags.append(
            BagBatch(
                (f"P{i}",), torch.from_numpy(tiles), torch.tensor([number]), torch.from_numpy(genes[i : i + 1]),
                torch.tensor([True]), torch.tensor([min(time[i], censored[i])]).float(),
                torch.tensor([time[i] <= censored[i]]), torch.zeros(1, dtype=torch.int64),
            )
        )  # fmt: skip
    return bags, carriers


def joined(bags: list[BagBatch]) -> BagBatch:
    parts = {name: torch.cat([getattr(bag, name) for bag in bags]) for name in vars(bags[0]) if name != "names"}
    return BagBatch(names=tuple(bag.names[0] for bag in bags), **parts)


def trained(model: SurvivalModel, bags: list[BagBatch]) -> SurvivalModel:
    torch.manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    rng = np.random.default_rng(0)
    for _ in range(UPDATES):
        batch = joined([bags[i] for i in rng.permutation(len(bags))[:24]])
        optimizer.zero_grad()
        cox(model(batch)[:, 0], batch.time, batch.event).backward()
        optimizer.step()
    return model.eval()


def concordance(model: SurvivalModel, bags: list[BagBatch]) -> float:
    time, event = (torch.cat([getattr(bag, name) for bag in bags]).numpy() for name in ("time", "event"))
    return harrell(time.astype(float), event, predict_risk(model, bags)).value


def test_gated_attention_finds_the_tiles_that_the_mean_drowns() -> None:
    bags, carriers = planted(tiles_matter=3.0, genes_matter=0.0)
    train, test = bags[:140], bags[140:]
    torch.manual_seed(1)
    gated = trained(SurvivalModel(FEATURES, dim=16, pool="attention", dropout=0), train)
    mean = trained(SurvivalModel(FEATURES, dim=16, pool="mean", dropout=0), train)
    assert concordance(gated, test) >= 0.75
    assert concordance(mean, test) <= 0.65
    seen = predict(gated, test).attention
    assert np.mean([weights[carriers[name]].sum() for name, weights in seen.items()]) >= 0.8


def test_both_arms_together_beat_each_alone() -> None:
    bags, _ = planted(tiles_matter=1.5, genes_matter=1.5)
    train, test = bags[:140], bags[140:]
    scores = {}
    for name, arms in {"image": (FEATURES, 0), "molecules": (0, SETS), "both": (FEATURES, SETS)}.items():
        torch.manual_seed(1)
        scores[name] = concordance(trained(SurvivalModel(*arms, dim=16, dropout=0), train), test)
    assert scores["both"] > max(scores["image"], scores["molecules"]) + 0.02


LARGE = """
import resource, torch
from past.models.survival.batch import BagBatch
from past.models.survival.loss import discrete_time
from past.models.survival.model import SurvivalModel
torch.set_num_threads(1)
one = torch.ones(1, dtype=torch.int64)
batch = BagBatch(("P",), torch.zeros(100_000, 1536, dtype=torch.float16).normal_(), 100_000 * one, torch.zeros(1, 50),
                 one.bool(), one.float(), one.bool(), one)
model = SurvivalModel(1536, 50, 4, pool="{pool}")
optimizer = torch.optim.AdamW(model.parameters())
for _ in range(2):
    optimizer.zero_grad()
    discrete_time(model(batch), batch.interval, batch.event).backward()
    optimizer.step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.parametrize("pool", ["mean", "attention", "gene_sets"])
def test_a_bag_of_100_000_tiles_trains_in_4_gib(pool: str) -> None:
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", LARGE.format(pool=pool)], cwd=root, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 4 << 20, "KiB"
