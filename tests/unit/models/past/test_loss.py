import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from past.models.past.loss import info_nce, siglip, soft_target

B, D = 9, 5


def pairs(dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    both = F.normalize(torch.randn(2, B, D, generator=torch.Generator().manual_seed(0), dtype=torch.float64), dim=-1)
    return both[0].to(dtype), both[1].to(dtype)


def soft_target_as_published(c: torch.Tensor, v: torch.Tensor, tau: torch.Tensor) -> torch.Tensor:
    logits = c @ v.T / tau
    targets = F.softmax((v @ v.T + c @ c.T) / (2 * tau), dim=-1)
    rows = -(targets * F.log_softmax(logits, dim=-1)).sum(1)
    columns = -(targets.T * F.log_softmax(logits.T, dim=-1)).sum(1)
    return (0.5 * (rows + columns)).mean()


def info_nce_as_clip(c: torch.Tensor, v: torch.Tensor, tau: torch.Tensor) -> torch.Tensor:
    logits, labels = c @ v.T / tau, torch.arange(len(c))
    return 0.5 * (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels))


def siglip_as_published(c: torch.Tensor, v: torch.Tensor, tau: torch.Tensor) -> torch.Tensor:
    signs = 2 * torch.eye(len(c), dtype=c.dtype) - 1
    return -F.logsigmoid(signs * (c @ v.T / tau - 3.0)).sum() / len(c)


def siglip_at_minus_3(c: torch.Tensor, v: torch.Tensor, tau: torch.Tensor) -> torch.Tensor:
    return siglip(c, v, tau, torch.tensor(-3.0, dtype=c.dtype))


Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
ALL = pytest.mark.parametrize(
    ("ours", "published"),
    [
        (soft_target, soft_target_as_published),
        (info_nce, info_nce_as_clip),
        (siglip_at_minus_3, siglip_as_published),
    ],
)


@ALL
def test_loss_and_gradients_are_the_papers_formula(ours: Loss, published: Loss) -> None:
    found = []
    for loss in (ours, published):
        inputs = [*pairs(), torch.tensor(0.11, dtype=torch.float64)]
        inputs = [value.clone().requires_grad_() for value in inputs]
        value = loss(*inputs)
        found.append([value.detach(), *torch.autograd.grad(value, inputs)])
    for own, expected in zip(*found, strict=True):
        torch.testing.assert_close(own, expected, rtol=1e-12, atol=1e-12)


@ALL
def test_autocast_does_not_lower_the_precision(ours: Loss, published: Loss) -> None:
    tau = torch.tensor(0.02)
    cells, images = pairs(torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = ours(cells, images, tau)
    assert loss.dtype == torch.float32
    expected = published(cells.double(), images.double(), tau.double())
    torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("loss", [soft_target, info_nce])
def test_embeddings_that_say_nothing_lose_ln_batch(loss: Callable[..., torch.Tensor]) -> None:
    same = F.normalize(torch.ones(B, D, dtype=torch.float64), dim=1)
    assert loss(same, same, torch.tensor(0.07)).item() == pytest.approx(math.log(B), rel=1e-6)


def test_info_nce_is_unmoved_by_the_order_of_pairs() -> None:
    cells, images = pairs()
    order = torch.randperm(B, generator=torch.Generator().manual_seed(1))
    tau = torch.tensor(0.07, dtype=torch.float64)
    torch.testing.assert_close(info_nce(cells, images, tau), info_nce(cells[order], images[order], tau))
    assert info_nce(cells, images[order], tau) != info_nce(cells, images, tau)
