"""Gene lists, and tables that instruments and benchmarks leave."""

import gzip
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd

from fuzz import texts
from fuzz.archives import gzipped
from fuzz.case import Contents, Format
from past.base.foreign.arrays import read_npz, read_parquet
from past.base.genes import read_genes, read_synonyms
from past.base.patients import read_patient_table
from past.data.sources.tables import read_table
from past.data.sources.visium import COLUMNS, read_positions
from past.data.sources.xenium import read_alignment
from past.evaluation.hest.layout import read_patients, read_task
from past.evaluation.results import NOT_AS_WRITTEN
from past.models.stpath.vocabulary import GeneVocabulary

NAMES = [f"G{i}" for i in range(20)]


def _genes() -> Contents:
    return {"genes.txt": "\n".join(NAMES).encode(), "genes.json": json.dumps({"genes": NAMES}).encode()}


def _synonyms() -> Contents:
    table = "\n".join(f"ENSG000000000{i:02}.3,G{i},other" for i in range(20)).encode()
    return {"table.csv": table, "table.tsv.gz": gzip.compress(table.replace(b",", b"\t"))}


def _symbols() -> Contents:
    return {"symbol2ensembl.json": json.dumps({name: f"ENSG{name}" for name in NAMES}).encode()}


def _positions() -> Contents:
    rows = [[f"B{i}", "1", str(i), str(i % 3), f"{100.5 * i}", f"{70.25 * i}"] for i in range(12)]
    lines = [",".join(row) for row in rows]
    return {
        "tissue_positions.csv": "\n".join([",".join(COLUMNS), *lines]).encode(),
        "tissue_positions_list.csv": "\n".join(lines).encode(),
        "cells.csv.gz": gzip.compress("\n".join(["cell_id,x_centroid,y_centroid", *lines]).encode()),
        "alignment.csv": b"0.5,0,10\n0,0.5,4\n0,0,1\n",
    }


def _task() -> Contents:
    def row(sample: str) -> str:
        return f"{sample},patches/{sample}.h5,adata/{sample}.h5ad"

    head = "sample_id,patches_path,expr_path"
    return {
        "IDC/splits/train_0.csv": "\n".join([head, row("A"), row("B")]).encode(),
        "IDC/splits/test_0.csv": "\n".join([head, row("C")]).encode(),
        "IDC/var_50genes.json": json.dumps({"genes": NAMES}).encode(),
        "IDC/var_50genes_0.json": json.dumps({"genes": NAMES[:5]}).encode(),
        "IDC/task.json": json.dumps({"patients": {"A": "P1", "B": "P2", "C": "P3"}}).encode(),
        "HEST_v1.csv": b"id,dataset_title,patient,organ,study_link\nA,T,P1,Breast,\nB,T,P2,Breast,x\nC,U,,Breast,\n",
    }


def _results() -> Contents:
    table, arrays = io.BytesIO(), io.BytesIO()
    spots = {"sample": ["A", "A", "B"], "x": [0.0, 1.5, 2.0], "truth:G1": [1.0, 0.0, 3.0], "G1": [0.5, 0.25, 2.0]}
    pd.DataFrame(spots).to_parquet(table)
    np.savez_compressed(arrays, crops=np.zeros((2, 4, 4, 3), np.uint8), truth=np.array(["a", "b"]))
    return {"spots.parquet": table.getvalue(), "examples.npz": arrays.getvalue()}


def _read_results(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        (read_npz if path.suffix == ".npz" else read_parquet)(path, *NOT_AS_WRITTEN)


def _read_genes(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        read_genes(path)


def _read_synonyms(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        read_synonyms(path)


def _read_symbols(folder: Path) -> None:
    vocabulary = GeneVocabulary.read(folder / "symbol2ensembl.json")
    GeneVocabulary.from_state(vocabulary.state())


def _read_positions(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        if path.name == "alignment.csv":
            read_alignment(path)
        elif path.suffix == ".gz":
            read_table(path, ["cell_id", "x_centroid"])
        else:
            read_positions(path)


def _read_task(folder: Path) -> None:
    read_task(folder / "IDC")
    read_patients(folder / "IDC")
    read_patient_table(folder / "HEST_v1.csv")


_CSV = texts.table_of(",")
FORMATS = {
    "gene_list": Format(_genes, _read_genes, {"genes.txt": [], "genes.json": [texts.json_of]}, 1_000, alone=True),
    "gene_table": Format(
        _synonyms, _read_synonyms, {"table.csv": [_CSV], "table.tsv.gz": [gzipped(texts.table_of("\t"))]}, 600,
        alone=True,
    ),
    "symbols": Format(_symbols, _read_symbols, {"symbol2ensembl.json": [texts.json_of]}, 500, damage=0.3),
    "positions": Format(
        _positions, _read_positions,
        {
            "tissue_positions.csv": [_CSV], "tissue_positions_list.csv": [_CSV], "alignment.csv": [_CSV],
            "cells.csv.gz": [gzipped(_CSV)],
        }, 800, alone=True,
    ),
    "results": Format(_results, _read_results, {"spots.parquet": [], "examples.npz": []}, 800, alone=True),
    "bench_task": Format(
        _task, _read_task, {name: [texts.json_of if name.endswith("json") else _CSV] for name in _task()}, 800,
        damage=0.3,
    ),
}  # fmt: skip
