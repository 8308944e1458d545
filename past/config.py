"""The door: Hydra's configuration on one side, typed objects on the other. Nothing below receives a DictConfig."""

import inspect
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra.utils
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException, InstantiationException
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from past.base.errors import ConfigError
from past.base.files import write_atomically
from past.base.moved import upgraded
from past.base.slurm import refuse_wrong_layout
from past.base.text.address import held_in

if TYPE_CHECKING:
    from past.slides.frozen_encoder import FrozenEncoder

Node = dict[str, Any]
CONF = Path(__file__).resolve().parent / "conf"  # a link to the checkout's conf/; the wheel carries the files


@dataclass
class Train:
    """Root keys of train.yaml; a key that is not here is refused."""

    output_root: str = "runs"
    name: str = MISSING
    run_id: str | None = None
    seed: int = 42
    ckpt: str | None = "auto"
    init: Node = field(default_factory=dict)
    encoder: Node = field(default_factory=dict)
    cell_encoder: Node = field(default_factory=dict)
    data: Node = field(default_factory=dict)
    model: Node = field(default_factory=dict)
    module: Node = field(default_factory=dict)
    trainer: Node = field(default_factory=dict)
    callbacks: Node = field(default_factory=dict)
    logger: Node = field(default_factory=dict)


@dataclass
class Evaluate:
    """Root keys of evaluate.yaml; a key that is not here is refused."""

    output_root: str = "runs"
    name: str = MISSING
    run_id: str | None = None
    seed: int = 42
    ckpt: str = "best"
    results_dir: str | None = None
    data: Node = field(default_factory=dict)
    task: Node = field(default_factory=dict)
    encoder: Node = field(default_factory=dict)
    encoders: dict[str, Node] = field(default_factory=dict)


def precision(accelerator: str) -> str:
    """Return bf16 where the hardware has it, else float32; `${precision:${trainer.accelerator}}` in YAML."""
    import torch  # takes seconds, and `--cfg job` needs it only where a GPU may be

    on_gpu = accelerator in ("gpu", "cuda", "auto") and torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    return "bf16-mixed" if on_gpu else "32-true"


def register() -> None:
    """Make the schemas known to Hydra under the names that train.yaml and evaluate.yaml begin with."""
    OmegaConf.register_new_resolver("precision", precision, replace=True)
    store = ConfigStore.instance()
    store.store(name="train_schema", node=Train)
    store.store(name="evaluate_schema", node=Evaluate)


def encoders_of_one_run(arguments: Sequence[str]) -> list[str]:
    """Rewrite `encoder=a,b` into one preset each under `encoders`; with -m it stays a sweep, as Hydra takes it."""
    if {"-m", "--multirun"} & set(arguments):
        return list(arguments)
    written = []
    for argument in arguments:
        key, _, names = argument.partition("=")
        several = key == "encoder" and "," in names
        written += [f"+encoder@encoders.{name}={name}" for name in names.split(",")] if several else [argument]
    return written


def resolve(config: DictConfig, schema: type) -> dict[str, Any]:
    """Return the configuration as plain values, all interpolations done, and its addresses' secrets held.

    Raises:
        ConfigError: a root key that the schema does not know (added with '+'), or a value that is missing.
    """
    known = {entry.name for entry in fields(schema)}
    unknown = sorted(set(map(str, config)) - known)
    if unknown:
        raise ConfigError(f"unknown key {', '.join(unknown)}: the root keys are {', '.join(sorted(known))}")
    try:
        plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        raise ConfigError(f"{error.full_key} is not given: add {error.full_key}=VALUE") from error
    except OmegaConfBaseException as error:
        raise ConfigError(" ".join(str(error).split())) from error
    assert isinstance(plain, dict)
    return {str(key): held_in(value) for key, value in plain.items()}


def composed(words: Sequence[str]) -> Node:
    """Return the configuration that train.py is given by the words after it; what only a user can give is "???".

    Raises:
        ConfigError: a word that train.py would refuse.
    """
    register()
    try:
        with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
            config = hydra.compose("train", list(words))
        OmegaConf.resolve(config)
        return plain(config)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(" ".join(str(error).split())) from error


def build(node: Mapping[str, Any], path: str, **filled: Any) -> Any:
    """Build the object that a node's `_target_` names, its parts first.

    Args:
        node: plain configuration with `_target_` keys.
        path: where it stands in the configuration, for messages ("model").
        filled: arguments known only at run time.

    Raises:
        ConfigError: a key that the target does not take, or a required one that is absent; it names the full key.
    """
    check({**node, **filled}, path, complete=True)
    try:
        # Partial, because Hydra copies what it is given: a filled argument may be a model.
        return hydra.utils.instantiate({**node, "_partial_": True}, _convert_="all")(**filled)
    except InstantiationException as error:
        cause = error.__cause__
        if cause is not None and type(cause).__module__ == "past.base.errors":
            raise cause from None
        raise


def frozen_encoder(name: str, weights: str | None = None, device: str | None = None) -> "FrozenEncoder":
    """Build an image encoder outside a configuration, for the command line.

    Args:
        name: a preset of conf/encoder; a PAST's run, `.ckpt` or imported folder; or else a timm model.
        weights: a file, or "hub"; None: the preset's own, and "hub" for a timm model.
        device: where it computes; None: a GPU where there is one.

    Raises:
        ConfigError: a preset that is no image encoder, or no such model.
    """
    from past.models.past.tower import PASTTower
    from past.slides.frozen_encoder import FrozenEncoder

    preset, path = CONF / "encoder" / f"{name}.yaml", Path(name)
    node: Node = {"_target_": "past.nn.image_encoder.ImageEncoder", "name": name, "weights": weights or "hub"}
    if preset.is_file():  # before a folder of that name, which may be there by chance: ./NAME is the folder
        node = load(preset) | ({} if weights is None else {"weights": weights})
        if not node.get("_target_", "").startswith("past.nn."):
            raise ConfigError(f"--encoder {name}: no image encoder by itself: give the run or checkpoint it would read")
    elif path.exists():
        best = path / "checkpoints" / "best.ckpt"
        return PASTTower(best if best.is_file() else path, device=device).for_fold(0)
    return FrozenEncoder.of(build(node, "encoder"), device)


def filled(node: Mapping[str, Any], values: Mapping[str, Any]) -> Node:
    """Return a node with values put in by their dotted names ("cell_encoder.vocabulary_size")."""
    whole = OmegaConf.create(dict(node))
    for name, value in values.items():
        OmegaConf.update(whole, name, value, force_add=True)
    return plain(whole)


def build_all(nodes: Mapping[str, Any], path: str) -> list[Any]:
    """Build every node of a group such as `callbacks`; one that is null is left out (`callbacks.progress=null`)."""
    return [build(node, f"{path}.{key}") for key, node in nodes.items() if node is not None]


def check(node: Any, path: str, complete: bool = False) -> None:
    """Check every `_target_` below `node` against the signature of what it names; see `build`.

    Args:
        node: plain configuration.
        path: where it stands.
        complete: nothing is filled in later, so what has no default must be there.
    """
    if isinstance(node, list):
        for i, item in enumerate(node):
            check(item, f"{path}.{i}", complete)
    if not isinstance(node, Mapping):
        return
    for key, value in node.items():
        check(value, f"{path}.{key}", complete)
    if "_target_" not in node:
        return
    try:
        target = hydra.utils.get_object(node["_target_"])
    except Exception as error:
        raise ConfigError(f"{path}._target_={node['_target_']}: cannot be imported ({error})") from error
    arguments = {key for key in node if not key.startswith("_")}
    parameters = inspect.signature(target).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    name = node["_target_"].rsplit(".", 1)[-1]
    for key in sorted(arguments - set(parameters)):
        takes = ", ".join(parameter for parameter in parameters if parameter not in ("self", "args"))
        raise ConfigError(f"unknown key {path}.{key}: {name} takes {takes}")
    for key, parameter in parameters.items() if complete else ():
        needed = parameter.default is parameter.empty and parameter.kind is not parameter.VAR_POSITIONAL
        if needed and key not in arguments:
            raise ConfigError(f"{path}.{key} is not given, and {name} needs it: add {path}.{key}=VALUE")


def save(config: Mapping[str, Any], path: Path) -> None:
    """Write the resolved configuration, atomically; an earlier one of the same run is replaced."""
    write_atomically(path, OmegaConf.to_yaml(OmegaConf.create(dict(config))))


def load(path: Path) -> dict[str, Any]:
    """Read a run's resolved configuration, or a preset, as plain values; one of before the rooms with today's names."""
    return upgraded(plain(OmegaConf.load(path)))


def plain(config: Any) -> Node:
    """Return a configuration as plain values."""
    values = OmegaConf.to_container(config)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def refuse_sweep_on_many_devices(trainer: Mapping[str, Any], multirun: bool) -> None:
    """Refuse `-m` where Lightning would start processes itself: they replay the command line, and so the whole sweep.

    Raises:
        ConfigError: says what to use instead.
    """
    launched = "WORLD_SIZE" in os.environ or "SLURM_PROCID" in os.environ
    devices = trainer.get("devices", 1)
    one = len(devices) == 1 if isinstance(devices, list) else str(devices) == "1"
    if multirun and not launched and not one:
        raise ConfigError(
            f"-m with trainer.devices={devices} would run the sweep once on every device: "
            "set trainer.devices=1, or start each run by torchrun or sbatch"
        )


def refuse_wrong_start(trainer: Mapping[str, Any], multirun: bool) -> None:
    """Refuse processes that were not started as the trainer expects; before anything is written.

    Raises:
        ConfigError: says what to give instead.
    """
    refuse_sweep_on_many_devices(trainer, multirun)
    refuse_wrong_layout(count_devices(trainer), int(trainer.get("num_nodes", 1)), os.environ)


def count_devices(trainer: Mapping[str, Any]) -> int:
    """Return the number of processes on a node that `devices` and `accelerator` mean."""
    devices = trainer.get("devices", "auto")
    if isinstance(devices, list):
        return len(devices)
    if str(devices) not in ("auto", "-1"):
        return int(devices)
    import torch

    on_gpu = trainer.get("accelerator") in ("gpu", "cuda", "auto")
    return max(torch.cuda.device_count(), 1) if on_gpu else 1
