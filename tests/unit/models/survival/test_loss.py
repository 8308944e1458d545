"""The likelihoods against loops over patients, scikit-survival, and gradients worked without autograd."""

import numpy as np
import pytest
import torch

from past.models.survival.loss import cox, cut_points, discrete_time, interval_of, risk_of

N = 40


@pytest.fixture
def patients() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Risks, times of which many tie, events."""
    rng = np.random.default_rng(0)
    risk = torch.tensor(rng.normal(0, 2, N), dtype=torch.float64)
    return risk, torch.tensor(rng.integers(1, 12, N).astype(float)), torch.tensor(rng.random(N) < 0.6)


def efron(risk: np.ndarray, time: np.ndarray, event: np.ndarray) -> tuple[float, np.ndarray]:
    """The loss and its gradient, term by term as Efron's likelihood is written."""
    loss, gradient, hazard = 0.0, np.zeros(len(risk)), np.exp(risk)
    for t in set(time[event]):
        died, exposed = np.flatnonzero(event & (time == t)), np.flatnonzero(time >= t)
        for place in range(len(died)):
            share = place / len(died)
            left = hazard[exposed].sum() - share * hazard[died].sum()
            loss += np.log(left) - risk[died[place]]
            gradient[died[place]] -= 1
            gradient[exposed] += hazard[exposed] / left
            gradient[died] -= share * hazard[died] / left
    return loss / event.sum(), gradient / event.sum()


def test_cox_and_its_gradient_are_efrons(patients: tuple[torch.Tensor, ...]) -> None:
    risk, time, event = patients
    risk.requires_grad_()
    loss = cox(risk, time, event)
    loss.backward()
    value, gradient = efron(risk.detach().numpy(), time.numpy(), event.numpy())
    assert loss.item() == pytest.approx(value, abs=1e-12)
    assert np.allclose(risk.grad, gradient, atol=1e-12)


def test_cox_is_what_scikit_survival_minimises(patients: tuple[torch.Tensor, ...]) -> None:
    coxph = pytest.importorskip("sksurv.linear_model.coxph", reason="needs the extra survival")
    risk, time, event = patients
    its = coxph.CoxPHOptimizer(risk.numpy()[:, None], event.numpy(), time.numpy(), np.zeros(1), "efron")
    assert cox(risk, time, event).item() * event.sum().item() / N == pytest.approx(
        its.nlog_likelihood(np.ones(1)), abs=1e-6
    )


def test_cox_of_three_patients_by_hand() -> None:
    """Events at 1 and 2, the last censored: log(e⁰ + e¹ + e²) - 0 and log(e¹ + e²) - 1, over two events."""
    found = cox(torch.tensor([0.0, 1.0, 2.0]), torch.tensor([1.0, 2.0, 3.0]), torch.tensor([True, True, False]))
    assert found.item() == pytest.approx((np.log(1 + np.e + np.e**2) + np.log(np.e + np.e**2) - 1) / 2, abs=1e-6)


def test_cox_bears_large_risks_and_a_batch_without_events() -> None:
    risk = torch.tensor([900.0, 0.0, -900.0], requires_grad=True)
    time = torch.tensor([1.0, 2.0, 3.0])
    assert cox(risk, time, torch.tensor([True, False, False])).item() == pytest.approx(0, abs=1e-6)
    none = cox(risk, time, torch.zeros(3, dtype=torch.bool))
    none.backward()
    assert none.item() == 0
    assert risk.grad is not None
    assert not risk.grad.any()


def test_discrete_time_and_its_gradient_are_the_likelihoods() -> None:
    rng = np.random.default_rng(1)
    logits = torch.tensor(rng.normal(0, 2, (N, 5)), requires_grad=True)
    interval, event = rng.integers(0, 5, N), rng.random(N) < 0.5
    loss = discrete_time(logits, torch.tensor(interval), torch.tensor(event))
    loss.backward()
    hazard = 1 / (1 + np.exp(-logits.detach().numpy()))
    value, gradient = 0.0, np.zeros((N, 5))
    for i, k in enumerate(interval):
        survived = np.prod(1 - hazard[i, : k if event[i] else k + 1])
        value -= np.log(survived * hazard[i, k]) if event[i] else np.log(survived)
        gradient[i, : k + 1] = hazard[i, : k + 1]  # of -log(1 - h) by its logit
        if event[i]:
            gradient[i, k] = hazard[i, k] - 1
    assert loss.item() == pytest.approx(value / N, abs=1e-12)
    assert np.allclose(logits.grad, gradient / N, atol=1e-12)


def test_intervals_hold_equally_many_events() -> None:
    time, event = np.arange(1.0, 41), np.arange(40) % 2 == 0
    cuts = cut_points(time, event, 4)
    assert np.bincount(interval_of(time[event], cuts)).tolist() == [5, 5, 5, 5]
    assert interval_of(np.array([0.0, cuts[0], 99.0]), cuts).tolist() == [0, 1, 3]


def test_a_higher_hazard_is_a_higher_risk() -> None:
    found = risk_of(torch.tensor([[-9.0, -9.0], [0.0, 0.0], [9.0, 9.0]]))
    assert found.tolist() == pytest.approx([-2, -0.75, 0], abs=1e-3)


def test_gathered_parts_are_the_whole(patients: tuple[torch.Tensor, ...]) -> None:
    risk, time, event = patients
    rest = {len(risk) - 15: [risk[15:], time[15:], event[15:].double()]}

    def gather(rows: torch.Tensor) -> torch.Tensor:
        other = rest[25].pop(0)
        return torch.cat([rows, other.to(rows.dtype)])

    assert torch.equal(cox(risk[:15], time[:15], event[:15], gather=gather), cox(risk, time, event))
