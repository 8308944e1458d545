"""Adam that pays for the rows of a table that a step touches, and still takes exactly Adam's steps.

Adam moves every row in every step: where the gradient is zero the moments decay and the weight goes on along the first.
Such steps need nothing but what is stored, so they can wait until the row is read. The `k` that a row has missed since
its last update `t` add up to

    Δp = −m Σ_τ a_τ / (√v · c_τ + ε),  a_τ = lr_τ β₁^(τ−t) / (1 − β₁^τ),  c_τ = √(β₂^(τ−t) / (1 − β₂^τ)),  τ = t+1 … t+k

a sum whose terms differ between elements in √v only: a Gauss quadrature over the points c_τ with weights a_τ (Golub and
Welsch 1969; found by Lanczos steps) gives it for all elements of the row with a few terms, to the precision of the
arithmetic. LazyAdam and SparseAdam leave these steps out, which is another algorithm.

What it pays (two cores of an AVX-512 server CPU, best of 8 in turn): with torch's fused Adam a training step of STPath
at its released size (two tables of 38,984 × 512) on two slides of 512 spots takes 1.11 times as long.
"""

from collections.abc import Callable, Iterable
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.optim.adam import adam

ROWS_AT_ONCE = 256  # a few tensors of 256 × 512 stay in a core's cache
REMEMBERED = 1000  # steps whose learning rates are remembered; then all rows are brought up to date
REACH = 250  # missed steps that still move a weight: 0.9^250 is far below rounding


class RowAdam(torch.optim.Adam):
    """Adam without weight decay; weights of `tables` are updated row by row when these are read, saved or stepped.

    State and results are Adam's own, so a run may go on with the one from a checkpoint of the other.

    Args:
        params: all parameters, those of the tables among them.
        tables: modules with a `weight` of rows, whose forward takes the rows' numbers first and which can give their
            gradient as a sparse tensor (`sparse_gradient`).
        lr: learning rate; a scheduler may change it.
        betas: decay of the two moments.
        eps: added to the root of the second moment.
    """

    def __init__(
        self,
        params: Iterable[Any],
        tables: Iterable[nn.Module],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, fused=True)
        self._rates: dict[torch.Tensor, list[float]] = {}  # learning rates of the steps since all rows were up to date
        self._last: dict[torch.Tensor, torch.Tensor] = {}  # how many of these each row has taken
        for table in tables:
            weight: Any = table.weight
            table.sparse_gradient = True  # type: ignore[assignment]
            self._rates[weight], self._last[weight] = [], torch.zeros(len(weight), dtype=torch.long)
            table.register_forward_pre_hook(lambda table, given: self.catch_up(cast(Any, table.weight), given[0]))
            weight.register_post_accumulate_grad_hook(_mark_order)
            table.register_state_dict_pre_hook(lambda table, *_: self.catch_up(cast(Any, table.weight)))

    @torch.no_grad()
    def catch_up(self, weight: torch.Tensor, rows: torch.Tensor | None = None) -> None:
        """Take the steps that `rows` (None: all) of a table's weight have missed."""
        last, rates = self._last[weight], self._rates[weight]
        late = torch.arange(len(weight)) if rows is None else rows.cpu().unique()
        late = late[last[late] < len(rates)]
        late = late[last[late].argsort()]  # rows that missed the same steps go together
        for start in range(0, len(late), ROWS_AT_ONCE):
            self._take_missed(weight, late[start : start + ROWS_AT_ONCE])
        last[late] = len(rates)
        if rows is None:
            rates.clear()
            last.zero_()

    def _take_missed(self, weight: torch.Tensor, rows: torch.Tensor) -> None:
        state, group, rates = self.state[weight], self._group(weight), np.array(self._rates[weight])
        known = int(state["step"]) - len(rates)  # steps before the first of `rates`
        times, inverse = np.unique(self._last[weight][rows].numpy(), return_inverse=True)
        points, sums = _missed(times, rates, known, group["betas"])
        decay = np.array(group["betas"]) ** (len(rates) - times)[:, None]
        points, sums, decay = (torch.from_numpy(x[inverse]).to(weight) for x in (points, sums, decay))
        rows = rows.to(weight.device)
        m, v = (state[name].index_select(0, rows) for name in ("exp_avg", "exp_avg_sq"))
        root, move = v.sqrt(), torch.zeros_like(m)
        for point, total in zip(points.T, sums.T, strict=True):
            move += root.mul(point[:, None]).add_(group["eps"]).reciprocal_().mul_(total[:, None])
        weight.data.index_add_(0, rows, move.mul_(m), alpha=-1)
        state["exp_avg"].index_copy_(0, rows, m.mul_(decay[:, :1]))
        state["exp_avg_sq"].index_copy_(0, rows, v.mul_(decay[:, 1:]))

    def _group(self, weight: torch.Tensor) -> dict[str, Any]:
        return next(group for group in self.param_groups if any(weight is p for p in group["params"]))

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take Adam's step; of the tables, in the rows that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        tables: dict[torch.Tensor, torch.Tensor] = {}
        for weight in self._last:
            if weight.grad is not None:
                _mark_order(weight)
                tables[weight], weight.grad = weight.grad.coalesce(), None  # Adam leaves those without a gradient alone
        super().step()
        for weight, grad in tables.items():
            self._step_rows(weight, grad.indices()[0], grad.values())
        return loss

    def _step_rows(self, weight: torch.Tensor, rows: torch.Tensor, grads: torch.Tensor) -> None:
        state, group = self.state[weight], self._group(weight)
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(weight), torch.zeros_like(weight)
        # rows of another process have not been read here; now and then all are, so that what is remembered stays short
        self.catch_up(weight, None if len(self._rates[weight]) == REMEMBERED else rows)
        state["step"] += 1
        self._rates[weight].append(float(group["lr"]))
        self._last[weight][rows.cpu()] = len(self._rates[weight])
        beta1, beta2 = group["betas"]
        settings = {"lr": group["lr"], "beta1": beta1, "beta2": beta2, "eps": group["eps"], "weight_decay": 0}
        whole = (weight.data, state["exp_avg"], state["exp_avg_sq"])
        for some, grad in zip(rows.split(ROWS_AT_ONCE), grads.split(ROWS_AT_ONCE), strict=True):
            p, m, v = parts = [tensor.index_select(0, some) for tensor in whole]
            step = state["step"] - 1  # the kernel counts it
            adam([p], [grad], [m], [v], [], [step], fused=True, amsgrad=False, maximize=False, **settings)
            for tensor, part in zip(whole, parts, strict=True):
                tensor.index_copy_(0, some, part)

    def state_dict(self) -> dict[str, Any]:
        """Return Adam's state, all rows up to date."""
        for weight in self._last:
            self.catch_up(weight)
        return super().state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up Adam's state, of this class or of Adam itself; the weights are those saved with it."""
        super().load_state_dict(state_dict)
        for weight, last in self._last.items():
            self._rates[weight].clear()
            last.zero_()


def _mark_order(weight: torch.Tensor) -> None:
    """Say of a gradient whose rows ascend that they do: accumulation and clipping forget it, and sort and copy them."""
    grad: Any = weight.grad
    if grad.is_sparse:
        rows, values = grad._indices(), grad._values()  # torch.sparse's page names both for such tensors
        if bool((rows[0].diff() > 0).all()):
            weight.grad = torch.sparse_coo_tensor(rows, values, grad.shape, is_coalesced=True, check_invariants=False)


def _missed(
    last: np.ndarray, rates: np.ndarray, known: int, betas: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return a quadrature (points, sums), (D, n) each, over the steps missed since `last` (D,): see above."""
    missed = np.arange(1, min(len(rates) - last.min(), REACH) + 1)
    index = last[:, None] + missed - 1
    step = known + index + 1
    lr = np.where(index < len(rates), rates[np.minimum(index, len(rates) - 1)], 0)
    a = lr * betas[0] ** missed / (1 - betas[0] ** step)
    c = np.sqrt(betas[1] ** missed / (1 - betas[1] ** step))
    # the points lie close together later on; in the first steps after the start they do not
    return gauss(c, a, count=min(len(missed), 4 if known + last.min() > 500 else 12))


def gauss(points: np.ndarray, weights: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `count` nodes and weights (D, count) that integrate as points (D, J) with weights (D, J) ≥ 0 do.

    Exact for polynomials up to degree 2 · count − 1, and for fewer than `count` distinct points.
    """
    total = weights.sum(1, keepdims=True)
    q = np.sqrt(weights / np.where(total > 0, total, 1))
    basis, matrix = [q], np.zeros((len(points), count, count))
    for i in range(count):
        left = points * q
        alpha = (left * q).sum(1)
        matrix[:, i, i] = np.where(q.any(1), alpha, matrix[:, 0, 0])
        for direction in [*basis, *basis]:  # twice: orthogonal to rounding
            left -= (left * direction).sum(1, keepdims=True) * direction
        beta = np.linalg.norm(left, axis=1)
        beta[beta < 1e-13 * matrix[:, 0, 0]] = 0
        q = np.where(beta[:, None] > 0, left, 0) / np.where(beta > 0, beta, 1)[:, None]
        basis.append(q)
        if i + 1 < count:
            matrix[:, i, i + 1] = matrix[:, i + 1, i] = beta
    nodes, vectors = np.linalg.eigh(matrix)
    return nodes, total * vectors[:, 0] ** 2
