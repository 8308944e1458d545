from dataclasses import replace

import torch

from past.models.past.batch import CellBatch


def batch(cells: int = 5) -> CellBatch:
    return CellBatch(
        crops=torch.arange(cells).view(-1, 1, 1, 1).expand(-1, 3, 2, 2).to(torch.uint8),
        tokens=torch.zeros(cells, 2, 3, dtype=torch.long),
        values=torch.zeros(cells, 2, 3),
        valid=torch.ones(cells, 2, dtype=torch.bool),
        context_tokens=torch.zeros(cells, 3, dtype=torch.long),
        positions=torch.zeros(cells, 2, 2),
        keys=[str(i) for i in range(cells)],
        meta=[{"cell": i} for i in range(cells)],
    )


def brighter(cells: CellBatch) -> CellBatch:
    return replace(cells, crops=cells.crops + 100)


def test_it_is_cut_in_order_and_the_last_part_holds_what_is_left() -> None:
    parts = replace(batch(), augment=brighter).split(2)
    assert [part.keys for part in parts] == [["0", "1"], ["2", "3"], ["4"]]
    assert [part.crops[:, 0, 0, 0].tolist() for part in parts] == [[0, 1], [2, 3], [4]]
    assert [entry["cell"] for part in parts for entry in part.meta] == [0, 1, 2, 3, 4]
    assert all(part.augment is brighter for part in parts)


def test_pixels_are_changed_once_where_the_towers_read_them() -> None:
    ready = replace(batch(), augment=brighter).ready(torch.device("cpu"))
    assert ready.crops[:, 0, 0, 0].tolist() == [100, 101, 102, 103, 104]
    assert ready.augment is None
    assert ready.ready(torch.device("cpu")).crops[0, 0, 0, 0] == 100
    assert batch().ready(torch.device("meta")).crops.device.type == "meta"
