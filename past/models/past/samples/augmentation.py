"""What may change about a training sample without changing what it is: its orientation, its stain, its depth.

All of it is drawn from (seed, epoch, the sample's key), so that it does not depend on ranks, workers or batches.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from past.base.errors import ConfigError
from past.data.shards.records import RawCell
from past.models.past.batch import CellBatch

# Optical densities of haematoxylin, eosin and DAB in R, G, B (Ruifrok & Johnston 2001)
STAINS = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
_TURN, _STAIN, _THIN = range(3)  # what the numbers of a sample are drawn for
_CROPS = 64  # at a time, as floats


@dataclass(frozen=True)
class Augmentation:
    """Which changes are made, and how large.

    Attributes:
        turns: flips and quarter turns, all eight equally likely; neighbours turn with their crop.
        stain: σ of the jitter in stain space: each stain's density times U(1 - σ, 1 + σ) plus U(-σ, σ) (Tellez et al.
            2018, who use 0.05); 0: none.
        thinning: a cell loses a share of its transcripts drawn from U(0, thinning), and so do its neighbours; 0: none.
    """

    turns: bool = True
    stain: float = 0.05
    thinning: float = 0.0

    def __post_init__(self) -> None:
        for name in ("stain", "thinning"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"augmentation.{name}={getattr(self, name)}: use 0 to below 1")

    def __call__(self, batch: CellBatch, seed: int, epoch: int) -> CellBatch:
        """Return the batch turned and its stain jittered, on the device that it is on."""
        if self.turns:
            flags = torch.from_numpy(draw(batch.keys, seed, epoch, _TURN, 3) < 0.5).to(batch.crops.device)
            batch = replace(batch, crops=turn(batch.crops, flags), positions=turn_positions(batch.positions, flags))
        if self.stain:
            uniform = draw(batch.keys, seed, epoch, _STAIN, 6)
            parts = [slice(start, start + _CROPS) for start in range(0, len(batch.crops), _CROPS)]
            batch = replace(batch, crops=torch.cat([self._jitter(batch.crops[at], uniform[at]) for at in parts]))
        return batch

    def drawn(self, seed: int, epoch: int) -> "Drawn":
        """Return these changes as an epoch draws them."""
        return Drawn(self, seed, epoch)

    def _jitter(self, crops: torch.Tensor, uniform: np.ndarray) -> torch.Tensor:
        """Return (B, 3, H, W) uint8 crops with their stains changed by (B, 6) uniform numbers."""
        scale = 1 + self.stain * (2 * uniform[:, :3] - 1)
        shift = self.stain * (2 * uniform[:, 3:] - 1)
        mixing = np.linalg.inv(STAINS) @ (scale[:, :, None] * STAINS)  # (B, 3, 3): density → stains → density
        weight = torch.as_tensor(mixing.transpose(0, 2, 1), dtype=torch.float32).to(crops.device, non_blocking=True)
        bias = torch.as_tensor(shift @ STAINS, dtype=torch.float32).to(crops.device, non_blocking=True)
        density = -torch.log((crops.flatten(2).float() + 1) / 256)
        with torch.autocast(crops.device.type, enabled=False):  # half precision would show in the pixels
            density = torch.baddbmm(bias[:, :, None], weight, density)
        return (torch.exp(-density) * 256 - 1).round_().clamp_(0, 255).to(torch.uint8).view(crops.shape)

    def thin(self, cells: Sequence[RawCell], seed: int, epoch: int) -> Sequence[RawCell]:
        """Return the cells with some of their transcripts taken away at random."""
        if not self.thinning:
            return cells
        keep = 1 - self.thinning * draw([cell.key for cell in cells], seed, epoch, _THIN, 1)[:, 0]
        return [_thinned(cell, share, seed, epoch) for cell, share in zip(cells, keep, strict=True)]


@dataclass(frozen=True)
class Drawn:
    """The changes of one epoch: what a training batch carries, to be made on the device that it is brought to."""

    augmentation: Augmentation
    seed: int
    epoch: int

    def __call__(self, batch: CellBatch) -> CellBatch:
        """Return the batch changed, each time the same."""
        return self.augmentation(batch, self.seed, self.epoch)


def turn(crops: torch.Tensor, flags: torch.Tensor) -> torch.Tensor:
    """Turn (B, 3, H, H) crops by (B, 3) flags: whether to swap x and y, then to mirror x, then to mirror y."""
    swap, mirror_x, mirror_y = flags[:, :, None, None, None].unbind(1)
    crops = torch.where(swap, crops.transpose(2, 3), crops)
    crops = torch.where(mirror_x, crops.flip(3), crops)
    return torch.where(mirror_y, crops.flip(2), crops)


def turn_positions(positions: torch.Tensor, flags: torch.Tensor) -> torch.Tensor:
    """Turn (B, K, 2) positions, relative to the cell, as `turn` turns the crops."""
    positions = torch.where(flags[:, :1, None], positions.flip(2), positions)
    return torch.where(flags[:, None, 1:], -positions, positions)


def draw(keys: Sequence[str], seed: int, epoch: int, purpose: int, numbers: int) -> np.ndarray:
    """Return (B, numbers) uniform numbers in [0, 1) that follow from each key, seed, epoch and purpose alone."""
    names = [hashlib.blake2b(key.encode(), digest_size=8).digest() for key in keys]
    state = np.frombuffer(b"".join(names), "<u8").copy()
    for word in (seed, epoch, purpose):
        state = _mix(state ^ _mix(np.uint64(word % 2**64)))
    columns = _mix(np.arange(1, numbers + 1, dtype=np.uint64))
    return (_mix(state[:, None] ^ columns) >> np.uint64(11)) * 2.0**-53


def _mix(x: np.ndarray | np.uint64) -> np.ndarray:
    """One step of splitmix64 (Steele, Lea & Flood 2014), element by element."""
    x = np.atleast_1d(x) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _thinned(cell: RawCell, keep: float, seed: int, epoch: int) -> RawCell:
    name = int.from_bytes(hashlib.blake2b(cell.key.encode(), digest_size=8).digest(), "little")
    counts = np.random.default_rng([name, seed, epoch]).binomial(cell.counts.astype(np.int64), keep)
    left = counts > 0
    offsets = np.concatenate([[0], np.cumsum(left)])[cell.offsets]
    return replace(cell, genes=cell.genes[left], counts=counts[left], offsets=offsets)
