"""The door: unknown and missing keys are named, parts are built, the resolved configuration is kept."""

import inspect
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import hydra.utils
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from past import config as door
from past.base.errors import ConfigError, DataError
from past.models.past.expression_encoder import ExpressionEncoder
from past.models.past.module import PASTModule
from past.nn.colour import ColourGrid

GRID = {"_target_": "past.nn.colour.ColourGrid", "grid": 2}
EXPRESSION = {"_target_": "past.models.past.expression_encoder.ExpressionEncoder", "vocabulary_size": 40, "width": 3}
CONTRAST = {"_target_": "past.models.past.module.Contrast", "kind": "siglip"}
MODEL = {"_target_": "past.models.past.model.PASTModel", "image_encoder": GRID, "cell_encoder": EXPRESSION}
MODULE = {"_target_": "past.models.past.module.PASTModule", "model": MODEL}


def resolved(**changes: Any) -> dict[str, Any]:
    return door.resolve(OmegaConf.create({"name": "a", "seed": 7, **changes}), door.Train)


def typed(node: dict[str, Any], key: str = "model") -> dict[str, Any]:
    """A node as it comes from the user's own command line."""
    return resolved(**{key: node})[key]


@pytest.fixture
def nothing_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process whose command line named no class."""
    monkeypatch.setattr(door, "_composed", set())


def test_interpolations_are_done_and_values_are_plain() -> None:
    config = resolved(encoder={"grid": 3}, model={"image_encoder": "${encoder}", "betas": [0.9, 0.95]})
    assert config["model"] == {"image_encoder": {"grid": 3}, "betas": [0.9, 0.95]}
    assert type(config["model"]["betas"]) is list
    assert type(config["model"]["image_encoder"]) is dict


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"sed": 5}, r"unknown key sed: the root keys are .*seed"),
        ({"data": {"root": "???"}}, r"^data\.root is not given: add data\.root=VALUE$"),
        ({"model": {"dim": "${nothing.here}"}}, "nothing.here"),
    ],
)
def test_root_keys_and_values_that_cannot_be_are_named_in_one_line(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence) as caught:
        resolved(**changes)
    assert "\n" not in str(caught.value)


def test_an_object_is_built_from_its_parts() -> None:
    node = typed({**MODULE, "model": {**MODEL, "dim": 5}}, "module")
    module = door.build(node, "module", loss=door.build(typed(CONTRAST), "module.loss"))
    assert isinstance(module, PASTModule)
    assert isinstance(module.model.image_encoder, ColourGrid)
    assert isinstance(module.model.cell_encoder, ExpressionEncoder)
    assert module.loss.kind == "siglip"
    assert module.model.config["dim"] == 5


def test_what_is_filled_is_passed_as_it_is() -> None:
    grid = ColourGrid(2)
    model = door.build(typed({**MODEL, "image_encoder": None}), "model", image_encoder=grid)
    assert model.image_encoder is grid


def test_what_is_given_is_not_shared_with_the_configuration() -> None:
    node = typed({"_target_": "past.nn.image_encoder.ImageEncoder", "name": "resnet10t", "mean": [0.1, 0.2, 0.3]})
    encoder = door.build(node, "encoder")
    encoder.config["mean"].append(1)
    assert node["mean"] == [0.1, 0.2, 0.3]


@pytest.mark.parametrize(
    ("node", "sentence"),
    [
        ({**MODEL, "dims": 5}, r"unknown key model\.dims: PASTModel takes .*dim, "),
        ({**MODEL, "image_encoder": {**GRID, "size": 1}}, r"unknown key model\.image_encoder\.size: .*takes grid$"),
        ({**MODEL, "several": [GRID, {**GRID, "size": 1}]}, r"unknown key model\.several\.1\.size"),
        ({**MODULE, "loss": {**CONTRAST, "kind": "clip"}}, r"module\.loss\.kind=clip"),  # the part's own sentence
        ({**MODEL, "_partial_": True}, r"unknown key model\._partial_: PASTModel takes "),
        ({**MODEL, "cell_encoder": {**EXPRESSION, "_args_": [1]}}, r"unknown key model\.cell_encoder\._args_: "),
        ({"_target_": "past.nowhere.Thing"}, r"model\._target_=past\.nowhere\.Thing: cannot be imported"),
        ({"_target_": MODEL["_target_"], "image_encoder": GRID}, r"model\.cell_encoder is not given, and PASTModel"),
        (
            {**MODEL, "cell_encoder": {"_target_": EXPRESSION["_target_"]}},
            r"model\.cell_encoder\.vocabulary_size is not given",
        ),
    ],
)
def test_keys_that_a_part_cannot_take_or_lacks_are_named_in_full(node: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        door.build(typed(node), "model")


@pytest.mark.usefixtures("nothing_typed")
@pytest.mark.parametrize(
    "target",
    [
        *("os.system", "posix.system", "builtins.eval", "pandas.read_pickle", "joblib.load", "torch.load"),
        *("pathlib.Path.write_text", "past.base.files.write_atomically", "past.config.CONF.joinpath"),
        "sklearn.utils._testing.assert_run_python_script_without_output",
        "lightning.pytorch.Trainer",  # ours, but no part of data
        "past.nn.conch.CONCHEncoder",
        *("", 7, None, True, ["os.system"], {"_target_": "os.system"}),
    ],
)
@pytest.mark.parametrize(
    "around",
    [
        lambda node: node,
        lambda node: {"_target_": "past.data.stream.datamodule.DataModule", "root": "x", "samples": node},
        lambda node: {"_target_": "past.data.stream.datamodule.DataModule", "root": "x", "samples": {"a": [[node]]}},
        lambda node: {"_target_": "past.data.stream.datamodule.DataModule", "_partial_": True, "_args_": [node]},
        lambda node: {"a": node},
    ],
)
def test_a_class_that_nobody_here_named_is_not_even_imported(
    target: Any, around: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hydra.utils.get_object", lambda name: pytest.fail(f"{name} is imported"))
    with pytest.raises(ConfigError, match=r"^data.*: neither conf/data nor the command line names it") as refused:
        door.build(around({"_target_": target, "path": "x"}), "data")
    assert "\n" not in str(refused.value)


@pytest.mark.usefixtures("nothing_typed")
def test_the_closed_list_is_what_conf_names_for_the_part_and_what_the_command_line_named() -> None:
    assert door.build(GRID, "encoder").grid == 2
    with pytest.raises(ConfigError, match=r"model\.image_encoder\._target_=past\.nn\.colour\.ColourGrid: neither"):
        door.build(MODEL, "model")
    mine = {"_target_": "collections.Counter"}
    with pytest.raises(ConfigError, match=r"callbacks\.mine\._target_=collections\.Counter: .* conf/callbacks$"):
        door.build_all({"mine": mine}, "callbacks")
    assert door.build_all(resolved(callbacks={"mine": mine})["callbacks"], "callbacks") == [{}]


@pytest.mark.usefixtures("nothing_typed")
def test_a_class_that_a_file_of_conf_names_is_in_the_list(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.yaml").write_text("samples: [{_target_: collections.Counter}]\n")
    monkeypatch.setattr(door, "CONF", tmp_path)
    door._named_in_conf.cache_clear()
    assert door.build({"_target_": "collections.Counter"}, "data") == Counter()
    with pytest.raises(ConfigError, match="neither conf/data"):
        door.build({"_target_": "past.data.stream.datamodule.DataModule"}, "data")
    door._named_in_conf.cache_clear()


def test_no_interpolation_is_resolved_where_something_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "resnet10t")
    node = {"_target_": "past.nn.image_encoder.ImageEncoder", "name": "${oc.env:SECRET}"}
    with pytest.raises(ConfigError, match=r"image_encoder\.name=\$\{oc\.env:SECRET\}"):
        door.build(node, "encoder")
    words = {"a": "${oc.create:{_target_:os.getpid}}", "b": ["${oc.env:SECRET}"]}
    assert door.build(words, "encoder") == words


def test_checking_alone_leaves_room_for_what_is_filled_later() -> None:
    door.check({"_target_": EXPRESSION["_target_"]}, "cell_encoder")
    door.check({"_target_": "lightning.pytorch.Trainer", "max_epochs": 1}, "trainer")
    with pytest.raises(ConfigError, match=r"unknown key trainer\.epochs: Trainer takes accelerator, "):
        door.check({"_target_": "lightning.pytorch.Trainer", "epochs": 1}, "trainer")


def test_a_group_is_built_whole_and_null_leaves_one_out() -> None:
    nodes = resolved(callbacks={"a": GRID, "b": None, "c": {**GRID, "grid": 3}})["callbacks"]
    built = door.build_all(nodes, "callbacks")
    assert [part.grid for part in built] == [2, 3]
    with pytest.raises(ConfigError, match=r"callbacks\.a\.size"):
        door.build_all({"a": {**GRID, "size": 1}}, "callbacks")


def test_a_kept_configuration_comes_back(tmp_path: Path) -> None:
    config = resolved(model={"lr": 1e-6, "niche": None, "betas": [0.9], "µ": "on", "organ": "1e3"})
    door.save({"name": "an earlier one"}, tmp_path / "run/config.yaml")
    door.save(config, tmp_path / "run/config.yaml")
    assert door.load(tmp_path / "run/config.yaml") == config
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["config.yaml"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("data: {root: '${oc.env:HOME}/x'}", r"data\.root=\$\{oc\.env:HOME\}/x: nothing is looked up for a file"),
        ("data: {val: [a, '${oc.decode:1}']}", r"data\.val\.1=\$\{oc\.decode:1\}: nothing is looked up"),
        ("data: '${oc.create:{_target_:os.system}}'", r"data=\$\{oc\.create"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "not YAML .an alias"),
        ("a: " + "[" * 20_000, "not YAML that is read here .nested too deep"),
        ("a: !!python/object/apply:os.system [ls]", "not YAML .the tag"),
        ("a: !!timestamp x", "not YAML .the tag"),
        ("x" * (1 << 19), "larger than the 262,144 bytes"),
        ("- a", "holds no settings"),
        ("", "holds no settings"),
    ],
)
def test_a_configuration_of_somebody_else_is_read_as_plain_values_or_refused(
    text: str, sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises((ConfigError, DataError), match=rf"^{tmp_path}/config\.yaml: {sentence}") as refused:
        door.load(tmp_path / "config.yaml")
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("depth", range(100, 600, 50))
def test_a_configuration_that_can_just_be_read_can_be_refused_in_a_sentence(depth: int, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("data: " + "{samples: " * depth + "{_target_: os.system}" + "}" * depth)
    with pytest.raises((ConfigError, DataError), match=r"conf/data|nested too deep"):
        door.build(door.load(tmp_path / "config.yaml")["data"], "data")


@pytest.mark.parametrize("content", [b"a: \xff", b"\x00", b"\xff\xfea\x00"])
def test_a_configuration_that_is_no_text_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(content)
    with pytest.raises(DataError, match=r"config\.yaml: not (UTF-8|YAML)"):
        door.load(tmp_path / "config.yaml")


def test_a_preset_for_the_command_line_has_what_it_builds_on_and_nothing_else_is_a_preset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "evil.yaml").write_text("_target_: os.getpid\n")
    with pytest.raises(ConfigError, match=r"image_encoder\.name="):
        door.frozen_encoder(os.path.relpath(tmp_path / "evil", door.CONF / "encoder"))
    with pytest.raises(ConfigError, match=r"--encoder stpath: no image encoder by itself"):
        door.frozen_encoder("stpath")
    monkeypatch.setenv("PAST_WEIGHTS", "w")
    monkeypatch.setattr(door, "build", lambda node, path: node)
    monkeypatch.setattr("past.slides.frozen_encoder.FrozenEncoder.of", lambda encoder, device: encoder)
    uni = door.frozen_encoder("uni")
    assert (uni["name"], uni["weights"]) == ("vit_large_patch16_224", "w/uni/pytorch_model.bin")
    assert uni["options"]["img_size"] == 224
    assert door.frozen_encoder("uni", weights="mine.bin")["weights"] == "mine.bin"
    assert door.frozen_encoder("grid") == {"_target_": "past.nn.colour.ColourGrid", "grid": 4}


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("data.val=[1_1]", ["1_1"]),
        ("data.val=[ 1_1 , s1,'2_2',007,1e5,3]", ["1_1", "s1", "2_2", "007", "1e5", "3"]),
        ("data.val=[true,null,yes,0x1F]", ["true", "null", "yes", "0x1F"]),
        ("data.train=[nan,1.0]", ["nan", "1.0"]),
        ("run_id=2024_01_01", "2024_01_01"),
        ("name=1e5", "1e5"),
        ("run_id=null", None),
        ("data.val=0.25", 0.25),
        ("data.train=null", None),
        ("data.root=2024_01_01", "2024_01_01"),
        ("init.model=007", "007"),
        ("seed=1_1", 11),
        ("+data.val=[12]", ["12"]),
        ("data.root=${name}/1_1", "x/1_1"),
    ],
)  # fmt: skip
def test_names_are_the_words_that_were_typed(typed: str, names: object) -> None:
    (word,) = door.words_as_typed([typed])
    base = {"name": "x", "seed": 1, "run_id": None, "init": {"model": None}}
    config = OmegaConf.create({**base, "data": {"val": 0.1, "train": None, "root": "r"}})
    override = OverridesParser.create().parse_override(word.replace("+", ""))
    OmegaConf.update(config, override.key_or_group, override.value())
    assert OmegaConf.select(config, override.key_or_group) == names
    assert door.words_as_typed([word]) == [word]


def test_words_that_are_no_names_and_options_stay() -> None:
    words = ["-m", "--cfg=job", "module.optim.lr=1e-3", "data.val=range(1,3)", "~data.val", "trainer.devices=[0,1]"]
    assert door.words_as_typed(words) == words
    assert door.words_as_typed(["data.val=choice([1_1],[2_2])"]) == ["data.val=choice(['1_1'],['2_2'])"]
    assert door.words_as_typed(["data.val=[1_1],[2_2]"]) == ["data.val=['1_1'],['2_2']"]  # with -m


WORDS = {
    "kind",
    "device",
    "radius",
    "ratio",
    "options",
    "compile",
    "recompute",
    "samples",
    "on_error",
    "pool",
}  # no names


@pytest.mark.parametrize("file", sorted(door.CONF.rglob("*.yaml")), ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_every_key_that_takes_a_name_is_known_to(file: Path) -> None:
    for target in re.findall(r"_target_: (past\.\S+)", file.read_text()):
        for key, parameter in inspect.signature(hydra.utils.get_object(target)).parameters.items():
            if re.search(r"\bstr\b|\bPath\b", str(parameter.annotation)) and key not in WORDS:
                assert key in door.NAMES, f"{target}: {key}"


@pytest.mark.parametrize("key", ["val", "train"])
def test_a_text_where_a_list_is_wanted_is_refused_with_the_list(key: str) -> None:
    node = {"_target_": "past.data.stream.datamodule.DataModule", "root": "r", key: "s1"}
    with pytest.raises(ConfigError, match=rf"data\.{key}=s1: give a list: 'data\.{key}=\[s1\]'"):
        door.check(node, "data")


@pytest.mark.parametrize("seed", [-1, 2**32, 0.5])
def test_a_seed_is_a_whole_number_that_generators_take(seed: float) -> None:
    assert resolved(seed=2**32 - 1)["seed"] == 2**32 - 1
    with pytest.raises(ConfigError, match=f"seed={seed}: give a whole number from 0"):
        resolved(seed=seed)


def test_a_kept_name_comes_back_as_the_word(tmp_path: Path) -> None:
    words = ["1_1", "007", "1e5", "true", "null", "yes", "0x1F", "2024-01-01", "1:30", "nan", "~"]
    door.save(resolved(data={"val": words}), tmp_path / "config.yaml")
    assert door.load(tmp_path / "config.yaml")["data"]["val"] == words


@pytest.mark.filterwarnings("error")
def test_a_training_is_composed_without_a_warning() -> None:
    config = door.composed(["experiment=demo", "seed=5"])
    assert (config["seed"], config["name"], config["run_id"]) == (5, "demo", None)
