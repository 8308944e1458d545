import numpy as np
import pytest
import torch

from past.nn.colour import SCALES, ColourEncoder, ColourGrid, colour_distribution, optical_density, order_statistics
from past.nn.standardise import LIMIT


def crops(size: int = 32) -> torch.Tensor:
    return torch.randint(0, 256, (2, 3, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_order_statistics_run_from_the_least_to_the_greatest() -> None:
    x = torch.randperm(101, generator=torch.Generator().manual_seed(0)).float()
    assert order_statistics(x, 5).tolist() == [0, 25, 50, 75, 100]
    assert order_statistics(x.expand(2, 3, -1), 2).tolist() == [[[0, 100]] * 3] * 2


def test_optical_density_of_white_is_0_whatever_the_type() -> None:
    levels = torch.tensor([0, 127, 255], dtype=torch.uint8)
    torch.testing.assert_close(optical_density(levels), -torch.log10(torch.tensor([1.0, 128, 256]) / 256))
    torch.testing.assert_close(optical_density(levels), optical_density(levels / 255))


def test_the_distribution_is_numpys_of_means_and_deviations_of_blocks() -> None:
    x = crops(224)
    density = -np.log10((x.numpy().astype(np.float64) + 1) / 256)
    expected = []
    for side, what, kept in SCALES:
        n = 224 // side
        pixels = density.reshape(2, 3, n, side, n, side)
        if side == 16 and what == "deviation":  # of the means of 4 px, not of pixels
            pixels = density.reshape(2, 3, 56, 4, 56, 4).mean((3, 5)).reshape(2, 3, n, 4, n, 4)
        blocks = pixels.mean((3, 5)) if what == "mean" else pixels.std((3, 5))
        places = np.linspace(0, n * n - 1, kept).round().astype(int)
        expected.append(np.sort(blocks.reshape(2, 3, -1))[..., places].reshape(2, -1))
    found = colour_distribution(x)
    assert found.shape == (2, ColourEncoder().width)
    np.testing.assert_allclose(found.numpy(), np.concatenate(expected, axis=1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("side", [224, 64])
def test_turns_and_flips_change_nothing_of_the_distribution(side: int) -> None:
    x = crops(side)
    for other in (x.flip(-1), x.flip(-2), x.rot90(1, (-2, -1)), x.transpose(-2, -1)):
        torch.testing.assert_close(colour_distribution(other), colour_distribution(x), rtol=1e-4, atol=1e-4)


def test_the_colour_encoder_standardises_by_the_crops_it_is_fitted_on() -> None:
    encoder = ColourEncoder()
    shades = torch.arange(40, 232, 12).view(-1, 1, 1, 1)
    training = (crops(224)[:1] * (shades / 255)).to(torch.uint8)
    encoder.fit(training.split(5))
    found = encoder(training)
    torch.testing.assert_close(found.mean(0), torch.zeros(encoder.width), atol=1e-3, rtol=0)
    varied = encoder.scale > 1e-3  # a statistic that hardly varies in training is kept quiet
    assert varied.sum() > 200
    torch.testing.assert_close(found.std(0)[varied], torch.ones(int(varied.sum())), atol=1e-3, rtol=0)
    assert found.std(0)[~varied].max() < 1
    assert list(encoder.parameters()) == []
    assert encoder(torch.zeros(1, 3, 32, 32, dtype=torch.uint8)).abs().max() <= LIMIT


def test_even_crops_do_not_divide_by_nothing() -> None:
    encoder = ColourEncoder()
    even = torch.full((3, 3, 16, 16), 0.7)
    encoder.fit([even])
    assert encoder(even).isfinite().all()


def test_the_grid_is_the_mean_of_its_fields() -> None:
    fields = crops().numpy().reshape(2, 3, 4, 8, 4, 8).mean((3, 5)) / 255
    expected = fields.transpose(0, 2, 3, 1).reshape(2, -1)
    for given in (crops(), crops() / 255):
        np.testing.assert_allclose(ColourGrid(4)(given).numpy(), expected, rtol=1e-5)
