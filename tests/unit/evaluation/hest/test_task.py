"""The benchmark as a whole: the library's numbers, what cannot run, what an interruption leaves."""

import json
import subprocess
import sys
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import torch
from tiny_bench import GENES, SPOTS, judge, run, write_sample, write_split, write_task

from past.base.errors import ConfigError, DataError
from past.base.runs import Run
from past.evaluation.hest.page import blocks
from past.evaluation.hest.protocols import Probe
from past.evaluation.hest.task import Compared, HestBench
from past.evaluation.results import Results
from past.nn.colour import ColourGrid
from past.slides.frozen_encoder import FrozenEncoder
from past.slides.stored_features import StoredFeatures
from past.slides.tiles import PatchFile

SUPPORT = Path(__file__).resolve().parents[3] / "support"


def test_a_signal_is_found_and_every_file_says_so(tmp_path: Path) -> None:
    write_task(tmp_path)
    out, content = run(tmp_path, {"two": ColourGrid(2), "four": ColourGrid(4)}, mean_colour_removed=True)
    table = pd.read_parquet(out / "hest_bench.parquet")
    assert len(table) == 2 * 2 * 3 * len(GENES)  # images, encoders, folds
    pd.testing.assert_frame_equal(table, pd.read_csv(out / "hest_bench.csv"))
    red = table[(table["gene"] == "G0") & (table["images"] == "as they are")]
    assert red["pearson"].min() > 0.4
    assert ((red["pearson_low"] < red["pearson"]) & (red["pearson"] < red["pearson_high"])).all()
    assert {row["images"] for row in content["rows"]} == {"as they are", "mean colour removed"}
    own = next(row for row in content["rows"] if row["task"] == "IDC" and row["encoder"] == "two")
    by_hand = table[(table["encoder"] == "two") & (table["images"] == "as they are")]
    assert own["pearson_mean"] == pytest.approx(by_hand.groupby("fold")["pearson"].mean().mean(), abs=1e-12)
    (pair,) = content["paired"]
    assert pair["wins"] + pair["losses"] == len(GENES)
    spots = pd.read_parquet(out / "IDC" / "two" / "split1" / "predictions.parquet")
    assert list(spots["barcode"][:2]) == ["B-0", "B-1"]
    adata = anndata.read_h5ad(tmp_path / "IDC" / "adata" / "B.h5ad")["B-1"]
    assert spots["truth:G0"][1] == pytest.approx(np.log1p(adata.to_df().iloc[0, 0]))


def test_what_cannot_run_is_named_and_the_rest_runs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write_task(tmp_path)
    write_split(folder, "train_3", ["A", "nobody"])
    write_split(folder, "test_3", ["B"])
    write_split(folder, "train_4", ["A", "B"])
    write_split(folder, "test_4", ["A"])
    (folder / "splits" / "notes_9.csv").write_text("a stray file")
    write_sample(folder, "few", seed=7, genes=GENES[:4])
    write_split(folder, "train_5", ["A"])
    write_split(folder, "test_5", ["few"])
    (tmp_path / "PRAD" / "splits").mkdir(parents=True)
    (tmp_path / "SKCM" / "adata").mkdir(parents=True)
    _, content = run(tmp_path, mean_colour_removed=True)
    assert content["rows"][0]["folds"] == 3
    assert content["folds"] == {"IDC": 6}
    assert len(content["failures"]) == 5  # each once, on two kinds of images
    reasons = {(failure["task"], failure["fold"]): failure["reason"] for failure in content["failures"]}
    assert set(reasons) == {("IDC", 3), ("IDC", 4), ("IDC", 5), ("PRAD", None), ("SKCM", None)}
    assert "IDC fold 3 did not run:" in reasons["IDC", 3]
    assert "nobody.h5: no such patch file" in reasons["IDC", 3]
    assert "A (train) and A (test) are of one patient (A)" in reasons["IDC", 4]
    assert "few: 2 of the task's 6 genes are not in few.h5ad (G4, G5)" in reasons["IDC", 5]
    assert "no splits/train_<k>.csv there" in reasons["PRAD", None]
    assert {record.message for record in caplog.records} == set(reasons.values())


def test_a_table_of_patients_that_was_named_must_be_there(tmp_path: Path) -> None:
    write_task(tmp_path)
    with pytest.raises(DataError, match=r"hest.csv: no such file"):
        run(tmp_path, metadata=tmp_path / "hest.csv")
    assert run(tmp_path)[1]["test_patients_known"] == {f"IDC fold {k}": False for k in range(3)}
    table = "id,dataset_title,patient,organ,study_link\nA,One,P1,Breast,\nB,One,,Breast,\n"
    (tmp_path / "hest.csv").write_text(table)
    with pytest.raises(ConfigError, match=r"holds results of None, not of '.*hest.csv' \(metadata\)"):
        run(tmp_path, metadata=tmp_path / "hest.csv")
    _, content = run(tmp_path, out=tmp_path / "named", metadata=tmp_path / "hest.csv")
    assert content["test_patients_known"] == {"IDC fold 0": True, "IDC fold 1": False, "IDC fold 2": False}


def test_a_folder_of_results_has_one_origin(tmp_path: Path) -> None:
    write_task(tmp_path)
    write_task(tmp_path, "PRAD")
    bench = HestBench(tmp_path, tmp_path / "cache", components=4, mean_colour_removed=False)
    out = tmp_path / "results"
    judge(bench, {"past": ColourGrid(2)}, out, presets={"past": {"checkpoint": "A"}})
    content = (out / "hest_bench.json").read_text()
    origin = json.loads(content)
    assert origin["tasks"] == ["IDC", "PRAD"]
    assert origin["root"] == str(tmp_path)
    assert origin["encoders"]["past"]["preset"] == {"checkpoint": "A"}
    assert origin["encoders"]["past"]["fingerprint"] == FrozenEncoder.of(ColourGrid(2)).fingerprint
    cure = r"give another results_dir=, or remove the old hest_bench results there first"
    with pytest.raises(ConfigError, match=rf"of 'A', not of 'B' \(encoders.past.preset.checkpoint\); {cure}"):
        judge(bench, {"past": ColourGrid(2)}, out, presets={"past": {"checkpoint": "B"}})
    with pytest.raises(ConfigError, match=r"\(encoders.past.fingerprint\)"):
        judge(bench, {"past": ColourGrid(4)}, out, presets={"past": {"checkpoint": "A"}})
    with pytest.raises(ConfigError, match=r"holds results of \['past'\], not of \['other'\] \(encoders\)"):
        judge(bench, {"other": ColourGrid(2)}, out)
    bench.tasks = ["IDC"]
    with pytest.raises(ConfigError, match=r"holds results of \['IDC', 'PRAD'\], not of \['IDC'\] \(tasks\)"):
        judge(bench, {"past": ColourGrid(2)}, out, presets={"past": {"checkpoint": "A"}})
    (out / "hest_bench.json").unlink()  # as a killed run leaves it: its predictions lie there
    with pytest.raises(ConfigError, match=r"\(tasks\)"):
        judge(bench, {"past": ColourGrid(2)}, out, presets={"past": {"checkpoint": "A"}})
    bench.tasks = None
    judge(bench, {"past": ColourGrid(2)}, out, presets={"past": {"checkpoint": "A"}})
    assert (out / "hest_bench.json").read_text() == content
    (out / "hest_bench.origin.json").unlink()
    with pytest.raises(ConfigError, match=r"holds results, but no hest_bench.origin.json"):
        judge(bench, {"past": ColourGrid(2)}, out, presets={"past": {"checkpoint": "A"}})


def test_stored_features_are_found_and_aligned_by_barcode(tmp_path: Path) -> None:
    import h5py

    folder = write_task(tmp_path)
    for sample in "ABC":
        patches = PatchFile.open(folder / "patches" / f"{sample}.h5")
        order = np.random.default_rng(0).permutation(SPOTS)
        features = patches.images(0, SPOTS).mean(axis=(1, 2))
        place = tmp_path / "features" / ("IDC" if sample == "A" else "") / f"{sample}.h5"
        place.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(place, "w") as file:
            file["embeddings"], file["coords"] = features[order], patches.coords[order]
            file["barcodes"] = np.array([name.encode() for name in patches.barcodes])[order]
        found = StoredFeatures(tmp_path / "features").features("IDC", sample, patches)
        assert np.array_equal(found, features)
    _, content = run(
        tmp_path, {"stored": StoredFeatures(tmp_path / "features")}, components=2, mean_colour_removed=True
    )
    assert {row["images"] for row in content["rows"]} == {"as they are"}  # its tiles cannot be changed
    with pytest.raises(DataError, match="no features at"):
        run(tmp_path, {"stored": StoredFeatures(tmp_path / "elsewhere")}, tmp_path / "other", components=2)


def test_stored_features_that_are_not_finite_fail_their_folds_alone(tmp_path: Path) -> None:
    import h5py

    folder = write_task(tmp_path)
    write_split(folder, "train_3", ["A"])
    write_split(folder, "test_3", ["B"])
    (tmp_path / "features").mkdir()
    for sample in "ABC":
        patches = PatchFile.open(folder / "patches" / f"{sample}.h5")
        features = patches.images(0, SPOTS).mean(axis=(1, 2))
        if sample == "C":
            features[[3, 7], 1] = np.nan, np.inf
        with h5py.File(tmp_path / "features" / f"{sample}.h5", "w") as file:
            file["embeddings"], file["coords"] = features, patches.coords
            file["barcodes"] = [name.encode() for name in patches.barcodes]
    _, content = run(tmp_path, {"stored": StoredFeatures(tmp_path / "features")}, components=2)
    assert content["rows"][0]["folds"] == 1
    reasons = [failure["reason"] for failure in content["failures"]]
    assert len(reasons) == 3
    assert all("features of 2 of 30 spots are not finite (C-3, …)" in reason for reason in reasons)


def name_patients(folder: Path, **patients: str) -> None:
    for sample, patient in patients.items():
        path = folder / "adata" / f"{sample}.h5ad"
        adata = anndata.read_h5ad(path)
        adata.uns["meta"] = {"patient": patient}
        adata.write_h5ad(path)


def test_a_patient_that_the_files_alone_name_is_not_trained_and_tested_on(tmp_path: Path) -> None:
    folder = write_task(tmp_path)
    name_patients(folder, A="765", B="765", C="nan")
    _, content = run(tmp_path)
    assert content["rows"][0]["folds"] == 1  # C against A and B
    reasons = {failure["fold"]: failure["reason"] for failure in content["failures"]}
    assert "IDC fold 0 did not run: B (train) and A (test) are of one patient (765)" in reasons[0]
    assert "IDC fold 1 did not run: A (train) and B (test) are of one patient (765)" in reasons[1]
    assert content["test_patients_known"] == {"IDC fold 2": False}


def test_who_says_most_is_believed_and_no_source_hides_a_leak(tmp_path: Path) -> None:
    folder = write_task(tmp_path)
    name_patients(folder, A="x", B="y", C="x")
    (folder / "task.json").write_text(json.dumps({"patients": {"A": "P1", "B": "P2", "C": "P3"}}))
    _, content = run(tmp_path)
    assert sorted(failure["fold"] for failure in content["failures"]) == [0, 2]
    assert all("(x)" in failure["reason"] for failure in content["failures"])


@pytest.mark.filterwarnings("ignore:Variable names are not unique")
def test_a_gene_twice_in_one_task_leaves_the_others_running_and_ends_with_a_fault(tmp_path: Path) -> None:
    folder = write_task(tmp_path)
    write_task(tmp_path, "PRAD")
    path = folder / "adata" / "B.h5ad"
    adata = anndata.read_h5ad(path)
    adata.var_names = [GENES[1], *GENES[1:]]
    adata.write_h5ad(path)
    bench = HestBench(tmp_path, tmp_path / "cache", components=4, mean_colour_removed=False)
    given = Compared(Run(tmp_path, "hest_bench", "one"), bench.compared({"two": ColourGrid(2)}), {})
    results = Results(tmp_path / "results", bench.name, bench.origin(given))
    bench(given, results)
    content = json.loads((tmp_path / "results" / "hest_bench.json").read_text())
    assert [row["task"] for row in content["rows"]] == ["PRAD", "average"]
    assert len(content["failures"]) == 3
    assert len(results.faults) == 3
    assert "IDC fold 0 did not run" in results.faults[0]
    assert "1 gene names occur more than once (G1…)" in results.faults[0]


class Nothing(torch.nn.Module):
    """Features that say nothing."""

    width = 4

    def __init__(self) -> None:
        super().__init__()
        self.config = {"part": "Nothing"}

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        return torch.ones(len(crops), 4)


@pytest.mark.parametrize("constant", ["features", "truth"])
def test_what_is_constant_is_scored_and_drawn(tmp_path: Path, constant: str) -> None:
    folder = write_task(tmp_path)
    if constant == "truth":
        for sample in "ABC":
            path = folder / "adata" / f"{sample}.h5ad"
            adata = anndata.read_h5ad(path)
            adata.X[:] = 3
            adata.write_h5ad(path)
    out, content = run(tmp_path, {"one": Nothing() if constant == "features" else ColourGrid(2)}, components=2)
    assert content["rows"][0]["pearson_mean_without_nan"] == (0 if constant == "features" else None)
    assert {block.title for block in blocks(out)} >= {"By task", "Genes"}


@pytest.mark.slow
def test_five_random_kills_leave_the_bytes_of_an_uninterrupted_run(tmp_path: Path) -> None:
    write_task(tmp_path / "root")
    command = [sys.executable, str(SUPPORT / "kill_bench.py"), str(tmp_path / "root"), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["status"] == 0
    assert found["kills"] == 5
    assert len(found["whole"]) > 20
    assert found["after"] == found["whole"]


def test_encoders_are_put_under_the_tasks_head_on_its_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("past.evaluation.hest.task.under", lambda *given: given)
    bench = HestBench(tmp_path, tmp_path / "cache", components=7, device="cuda:1")
    assert bench.compared({"a": "an encoder"}) == {"a": (Probe(bench.cache, bench.head, 7), "an encoder", "cuda:1")}


@pytest.mark.parametrize(("grids", "most"), [((2, 8), 12), ((8,), 2 * SPOTS), ((16,), 2 * SPOTS)])
def test_components_are_as_many_as_all_folds_and_encoders_have(
    tmp_path: Path, grids: tuple[int, ...], most: int, caplog: pytest.LogCaptureFixture
) -> None:
    write_task(tmp_path)  # trains on two samples a fold
    write_task(tmp_path, "broken")
    (tmp_path / "broken" / "patches" / "A.h5").write_bytes(b"")
    bench = HestBench(tmp_path, tmp_path / "cache")
    with caplog.at_level("INFO"):
        compared = bench.compared({f"grid{grid}": ColourGrid(grid) for grid in grids})
    assert {encoder.protocol for encoder in compared.values()} == {f"ridge, {most} components"}
    assert f"task.components={most}: the most that every fold and encoder has" in caplog.text


def test_components_are_the_benchmarks_own_where_there_are_as_many(tmp_path: Path) -> None:
    folder = write_task(tmp_path)
    for seed, sample in enumerate("ABC"):
        write_sample(folder, sample, seed, spots=128)
    bench = HestBench(tmp_path, tmp_path / "cache")
    assert bench.compared({"a": ColourGrid(16)})["a"].protocol == "ridge, 256 components"
