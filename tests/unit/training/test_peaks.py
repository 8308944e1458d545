import pytest

from past.training.peaks import peak_of


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA L40S", 362e12),
        ("NVIDIA L40", 181e12),
        ("NVIDIA L4", 121e12),
        ("NVIDIA A10G", 70e12),
        ("NVIDIA A10", 125e12),
        ("NVIDIA RTX A4000", None),
        ("NVIDIA RTX A1000", None),
        ("AMD Instinct MI300X", 1307e12),
        ("A toaster", None),
    ],
)
def test_the_peak_of_a_gpu_by_its_name(name: str, peak: float | None) -> None:
    assert peak_of(name) == peak
