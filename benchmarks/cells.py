"""Cells in numbers: exact search beside faiss, nuclei beside the truth, tables of several runs side by side.

python benchmarks/cells.py search [--cells 1000000 --queries 10000]
python benchmarks/cells.py nuclei [--patients 4]
python benchmarks/cells.py tables RESULTS … (folders that `past evaluate task=cell_expression` and the others filled)
"""

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np


def search(cells: int, queries: int) -> None:
    """Time the exact search of 50 nearest of `cells` × 256, and faiss's flat index where it is installed."""
    import torch

    from past.models.past.cells.search import nearest_keys

    torch.set_num_threads(1)
    draw = torch.Generator().manual_seed(0)
    keys, asked = (torch.nn.functional.normalize(torch.randn(n, 256, generator=draw), dim=1) for n in (cells, queries))
    start = time.perf_counter()
    values, rows = nearest_keys(asked, keys, 50)
    ours = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"ours: {ours:.1f} s, {queries / ours:,.0f} queries/s, peak {peak:.2f} GiB of the process")
    try:
        import faiss  # type: ignore[import-not-found]
    except ImportError:
        print("faiss-cpu is not installed: nothing stands beside it")
        return
    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(256)
    index.add(keys.numpy())
    start = time.perf_counter()
    theirs, places = index.search(asked.numpy(), 50)
    took = time.perf_counter() - start
    same = float((np.sort(places) == np.sort(rows.numpy())).mean())
    print(f"faiss: {took:.1f} s; ours is {took / ours:.2f} times as fast; {same:.6f} of the neighbours are the same, "
          f"similarities within {float(np.abs(theirs - values.numpy()).max()):.1g}")  # fmt: skip


def nuclei(patients: int) -> None:
    """Score the classical segmenter on synthetic tissue, whose nuclei are known."""
    from found_nuclei import f1

    from past.cells.segment import find_nuclei
    from past.cells.zoo import segmenter
    from past.data.sources.synthetic.section import SyntheticSource
    from past.slides.slide import slide_of_pixels

    for patient in range(patients):
        source = SyntheticSource(patient)
        section, (true, _) = source.open(), source.nuclei()
        slide = slide_of_pixels(Path(source.name), section.image, section.mpp)
        start = time.perf_counter()
        for y in range(448, slide.size[1], 896):
            for x in range(448, slide.size[0], 896):
                slide.tile(x, y, 1024, 0.5)
        decode = time.perf_counter() - start
        start = time.perf_counter()
        found = find_nuclei(slide, segmenter("classical"))
        took = time.perf_counter() - start
        score, precision, recall = f1(true * section.mpp, found.centres * section.mpp)
        print(f"{source.name}: F1 {score:.3f} (precision {precision:.3f}, recall {recall:.3f}) of {len(true):,}, "
              f"{len(found) / took:,.0f} nuclei/s; bare tiles {decode:.2f} s of {took:.1f} s")  # fmt: skip


def tables(folders: list[Path]) -> None:
    """Print what several results say, a column a folder, and their means."""
    for task, key, scores in (
        ("cell_expression", "by", ("r_gene", "r_cell", "rmse", "r_gene_50um")),
        ("cell_typing", "by", ("macro_f1", "balanced_accuracy")),
        ("virtual_ihc", "marker", ("spearman", "lin", "difference")),
    ):
        there = [
            json.loads(path.read_text())["rows"] for folder in folders if (path := folder / f"{task}.json").is_file()
        ]
        for score in scores if there else ():
            print(f"\n{task}: {score}")
            found: dict[str, list[float]] = {}
            for rows in there:
                for row in rows:
                    if row.get("scope", "all") in ("all", "square"):
                        name = " ".join(filter(None, (row[key], row.get("source"))))
                        found.setdefault(name, []).append(np.nan if row[score] is None else row[score])
            for name, values in found.items():
                print(f"  {name:32} {np.mean(values):8.3f}   ({', '.join(f'{value:.3f}' for value in values)})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("search", "nuclei", "tables"))
    parser.add_argument("results", type=Path, nargs="*")
    parser.add_argument("--cells", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--patients", type=int, default=4)
    given = parser.parse_args()
    if given.what == "search":
        search(given.cells, given.queries)
    elif given.what == "nuclei":
        nuclei(given.patients)
    else:
        tables(given.results)
