"""The door: Hydra's configuration on one side, typed objects on the other. Nothing below receives a DictConfig."""

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

import hydra.utils
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from past.base.errors import ConfigError, require_number
from past.base.files import write_atomically
from past.base.moved import upgraded
from past.base.runs import CONFIG_BYTES
from past.base.text.address import held_in
from past.base.text.reading import read_yaml

if TYPE_CHECKING:
    from past.slides.frozen_encoder import FrozenEncoder

Node = dict[str, Any]
# Last parts of the keys whose values are names: of runs, files, sections, patients, genes, models
NAMES = frozenset(
    [
        *("run_id", "name", "output_root", "results_dir", "ckpt", "model", "image_encoder", "cell_encoder"),
        *("root", "val", "train", "cache", "vocabulary", "technology_mean", "tasks", "genes", "metadata", "monitor"),
        *("weights", "hub", "checkpoint", "folder", "directory", "technology", "species", "markers", "runs"),
        *("folds", "features", "gene_sets", "expression"),
        *("time", "event", "censorship", "covariates", "missing"),  # columns of a cohort's table
        *("project", "id", "group", "entity", "save_dir"),
    ]
)
_WORD = re.compile(r"""'(?:\\.|[^'])*'|"(?:\\.|[^"])*"|[^\[\](),'"]+""")
CONF = Path(__file__).resolve().parent / "conf"  # a link to the checkout's conf/; the wheel carries the files
TARGET, TOWER = "_target_", "past.models.past.tower.PASTTower"
_composed: set[str] = set()  # classes that this process's own command line named: the user chose them


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
    # for --help Hydra copies the store 120 times, of which there is one: 1.6 of 2.3 s
    ConfigStore.__deepcopy__ = lambda store, _: store  # type: ignore[attr-defined]
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


def words_as_typed(arguments: Sequence[str]) -> list[str]:
    """Quote the names on a command line that Hydra would take for numbers: they stay the words that were typed.

    Hydra reads 1_1 as 11, 1e5 as 100000.0, true as a truth value. Which keys hold names, NAMES says; what is quoted,
    and a fraction of the patients (data.val=0.2), stay as they are.
    """
    return [_as_typed(argument) for argument in arguments]


def _as_typed(argument: str) -> str:
    key, equals, text = argument.partition("=")
    last = key.lstrip("+").rpartition(".")[2]
    if not equals or key.startswith(("-", "~")) or last not in NAMES or re.search(r"\$\{|^\{|^(?!choice\()\w+\(", text):
        return argument
    parser, in_list = OverridesParser.create(), text.startswith(("[", "choice([", "choice( ["))

    def quoted(token: re.Match[str]) -> str:
        words = token[0].strip()
        try:
            value = parser.parse_rule(words, "primitive")
        except HydraException:
            return token[0]
        fraction = last == "val" and not in_list and "_" not in words and type(value) in (int, float)
        is_name = isinstance(value, bool | int | float) and not fraction
        return token[0].replace(words, f"'{words}'") if is_name or (value is None and in_list) else token[0]

    return f"{key}={_WORD.sub(quoted, text)}"


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
    require_number("seed", plain["seed"], least=0, most=2**32 - 1)
    _composed.update(target for _, target in _targets(plain))
    return {str(key): held_in(value) for key, value in plain.items()}


def composed(words: Sequence[str]) -> Node:
    """Return the configuration that train.py is given by the words after it; what only a user can give is "???".

    Raises:
        ConfigError: a word that train.py would refuse.
    """
    config = plain(_compose("train", words))
    _composed.update(target for _, target in _targets(config))
    return config


def _compose(entry: str, words: Sequence[str], group: str | None = None) -> DictConfig:
    """Return what an entry point would be given, or one group of it, resolved."""
    register()
    try:
        with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
            config = hydra.compose(entry, words_as_typed(words))
        chosen = config if group is None else config[group]
        OmegaConf.resolve(chosen)
        return chosen
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(" ".join(str(error).split())) from error


def build(node: Mapping[str, Any], path: str, **filled: Any) -> Any:
    """Build the object that a node's `_target_` names, its parts first; the one place where a name becomes a class.

    Args:
        node: plain configuration with `_target_` keys.
        path: where it stands in the configuration, for messages ("model"); its first word is a folder of conf/.
        filled: arguments known only at run time.

    Raises:
        ConfigError: a class outside the closed list (see `check`), a key that the target does not take, or a required
            one that is absent; it names the full key.
    """
    check({**node, **filled}, path, complete=True)
    return _built({key: value for key, value in node.items() if key not in filled}, filled)


def _built(node: Any, filled: Mapping[str, Any]) -> Any:
    """Build what was checked: interpolations, which may read the environment, are words like any other here."""
    if isinstance(node, list):
        return [_built(item, {}) for item in node]
    if not isinstance(node, Mapping):
        return node
    parts = {key: _built(value, {}) for key, value in node.items() if key != TARGET}
    return hydra.utils.get_object(node[TARGET])(**parts, **filled) if TARGET in node else parts


def encoder_node(name: str, weights: str | None = None) -> Node:
    """Return what an image encoder is built of on the command line.

    Args:
        name: a preset of conf/encoder; a PAST's run, `.ckpt` or imported folder; or else a timm model.
        weights: a file, or "hub"; None: the preset's own, and "hub" for a timm model.

    Raises ConfigError for a preset that is no image encoder.
    """
    from past.slides.encoder_files import checkpoint_in

    node: Node = {TARGET: "past.nn.image_encoder.ImageEncoder", "name": name, "weights": weights or "hub"}
    if name in {preset.stem for preset in (CONF / "encoder").glob("*.yaml")}:  # ./NAME is a folder of that name
        composed = _compose("evaluate", ["task=hest_bench", "task.root=none", f"encoder={name}"], "encoder")
        node = plain(composed) | ({} if weights is None else {"weights": weights})
        if not node[TARGET].startswith("past.nn."):
            raise ConfigError(f"--encoder {name}: no image encoder by itself: give the run or checkpoint it would read")
    elif Path(name).exists():
        node = {TARGET: TOWER, "checkpoint": str(checkpoint_in(Path(name)))}
    return node


def frozen_encoder(name: str, weights: str | None = None, device: str | None = None) -> "FrozenEncoder":
    """Build what `encoder_node` says, frozen, on a device; None: a GPU where there is one."""
    from past.slides.frozen_encoder import FrozenEncoder

    node = encoder_node(name, weights)
    if node[TARGET] == TOWER:
        return build(node, "encoder", device=device).for_fold(0)
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
    """Check every `_target_` below `node`: first that all are in the closed list, then what each is given.

    A configuration may be anyone's (a run's `config.yaml`), and to import a module is to run it. So the list is closed:
    the classes that the files of conf/ name for this part, and those that this process's own command line composed.

    Args:
        node: plain configuration.
        path: where it stands; its first word is a folder of conf/.
        complete: nothing is filled in later, so what has no default must be there.

    Raises:
        ConfigError: see `build`.
    """
    group = path.partition(".")[0]
    known = _composed | _named_in_conf(group)
    for place, target in _targets(node, path):
        if target not in known:
            raise ConfigError(
                f"{place}.{TARGET}={target:.80}: neither conf/{group} nor the command line names it, so it was not "
                f"imported: where it is yours, name it in a YAML file of conf/{group}"
            )
    for place, part in reversed([*_walk(node, path)]):  # what stands within before what it stands in
        if isinstance(part, Mapping) and TARGET in part:
            _check_arguments(part, place, complete)


def _walk(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield all that stands in a configuration, with where it stands."""
    yield path, node
    for key, value in node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else ():
        yield from _walk(value, f"{path}.{key}" if path else str(key))


def _targets(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield where each node with a `_target_` stands, and the target, as text whatever it is."""
    parts = ((place, part) for place, part in _walk(node, path) if isinstance(part, Mapping))
    return ((place, str(part[TARGET])) for place, part in parts if TARGET in part)


@lru_cache
def _named_in_conf(group: str) -> frozenset[str]:
    """Return the classes that the files in a folder of conf/ name."""
    files = sorted((CONF / group).rglob("*.yaml"))
    return frozenset(target for file in files for _, target in _targets(plain(OmegaConf.load(file))))


def _check_arguments(node: Mapping[str, Any], path: str, complete: bool) -> None:
    try:
        target = hydra.utils.get_object(node[TARGET])
    except Exception as error:
        raise ConfigError(f"{path}.{TARGET}={node[TARGET]}: cannot be imported ({error})") from error
    arguments = set(node) - {TARGET}
    parameters = inspect.signature(target).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    name = node[TARGET].rsplit(".", 1)[-1]
    for key in sorted(arguments - set(parameters)):
        takes = ", ".join(parameter for parameter in parameters if parameter not in ("self", "args"))
        raise ConfigError(f"unknown key {path}.{key}: {name} takes {takes}")
    for key in sorted(arguments & set(parameters)):
        if _wants_list(parameters[key].annotation) and isinstance(node[key], str):
            raise ConfigError(f"{path}.{key}={node[key]}: give a list: '{path}.{key}=[{node[key]}]'")
    for key, parameter in parameters.items() if complete else ():
        needed = parameter.default is parameter.empty and parameter.kind is not parameter.VAR_POSITIONAL
        if needed and key not in arguments:
            raise ConfigError(f"{path}.{key} is not given, and {name} needs it: add {path}.{key}=VALUE")


def _wants_list(annotation: Any) -> bool:
    """Whether an argument is a list and no text: the letters of a text would be taken for its items."""
    kinds = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    return str not in kinds and any(get_origin(kind) in (Sequence, list, tuple) for kind in kinds)


def save(config: Mapping[str, Any], path: Path) -> None:
    """Write the resolved configuration, atomically; an earlier one of the same run is replaced."""
    write_atomically(path, OmegaConf.to_yaml(OmegaConf.create(dict(config))))


def load(path: Path) -> dict[str, Any]:
    """Read a run's resolved configuration as plain values; one of before the rooms with today's names.

    It may be anyone's: nothing is imported, looked up in the environment or built.

    Raises:
        DataError: missing, larger than 256 KiB, or not YAML of plain values; see `read_yaml`.
        ConfigError: no mapping, or an interpolation: what a run keeps is resolved.
    """
    config = read_yaml(path, "give the directory of a run that train.py wrote", CONFIG_BYTES)
    if not isinstance(config, dict):
        raise ConfigError(f"{path}: holds no settings: give the directory of a run that train.py wrote")
    for place, value in _walk(config, ""):
        if isinstance(value, str) and "${" in value:
            raise ConfigError(f"{path}: {place}={value:.80}: nothing is looked up for a file: write the value itself")
    return upgraded(config)


def plain(config: Any) -> Node:
    """Return a configuration as plain values."""
    values = OmegaConf.to_container(config)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}
