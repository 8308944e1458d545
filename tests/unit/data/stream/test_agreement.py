"""Ranks that read together stop together; how a loader uses it on ranks: tests/distributed/test_loader.py."""

import pickle
from pathlib import Path

import pytest
import torch.distributed as dist
import torch.multiprocessing as mp

from past.base.errors import DataError
from past.data.stream.agreement import Agreement


def test_a_process_alone_agrees_with_itself() -> None:
    agreement = Agreement()
    assert agreement.check(None, 3) == 3
    with pytest.raises(DataError, match=r"^broken$"):
        agreement.check("broken", 0)
    agreement.stop_others("nobody hears it")
    assert pickle.loads(pickle.dumps(agreement)).check(None, 1) == 1


def work(rank: int, folder: str) -> None:
    """What rank 0 and 1 hear of each other, into a file each."""
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    agreement = Agreement()
    heard = [str(agreement.check(None, 2 + rank))]
    travelled: Agreement = pickle.loads(pickle.dumps(agreement))
    heard.append(str(travelled.check(None, 7)))  # in a worker: alone
    try:
        agreement.check("S1 is damaged" if rank == 1 else None, 0)
    except DataError as error:
        heard.append(str(error))
    if rank == 0:
        agreement.stop_others("out of memory")
    else:
        try:
            agreement.check(None, 0)
        except DataError as error:
            heard.append(str(error))
    Path(folder, str(rank)).write_text("\n".join(heard))
    dist.destroy_process_group()


@pytest.mark.filterwarnings("ignore")
def test_each_rank_hears_the_sum_and_the_first_failure(tmp_path: Path) -> None:
    mp.start_processes(work, args=(str(tmp_path),), nprocs=2, start_method="fork")
    heard = [(tmp_path / str(rank)).read_text().splitlines() for rank in (0, 1)]
    assert heard[0] == ["5", "7", "rank 1: S1 is damaged"]
    assert heard[1] == ["5", "7", "rank 1: S1 is damaged", "rank 0: out of memory"]
