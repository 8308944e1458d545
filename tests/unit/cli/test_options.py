"""Groups of options, and how the values of options are read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from past.base.errors import ConfigError
from past.cli.options import PlatformOptions, chosen_sections, in_order, mpp_of, takes_groups


@dataclass(frozen=True)
class Colours:
    out: Annotated[Path, typer.Option(help="Where to.")]
    shade: Annotated[str, typer.Option(help="Which.")] = "red"
    many: Annotated[list[int] | None, typer.Option(help="Numbers.")] = None
    deep: Annotated[bool, typer.Option("--deep", help="Or not.")] = False


def test_a_group_of_options_becomes_the_commands_own() -> None:
    seen: list[object] = []

    @takes_groups
    def paint(word: Annotated[str, typer.Argument()], colours: Colours, width: int = 3) -> None:
        seen.extend([word, colours, width])

    app = typer.Typer()
    app.command()(paint)
    words = ["wall", "--out", "there", "--many", "2", "--many", "5", "--width", "4", "--deep"]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert seen == ["wall", Colours(Path("there"), "red", [2, 5], True), 4]
    refused = CliRunner().invoke(app, ["wall"])
    assert refused.exit_code == 2
    assert "--out" in refused.output


def test_what_is_said_once_holds_for_every_section_and_images_go_in_order() -> None:
    options = PlatformOptions(image=[Path("a.tif"), Path("b.tif")], organ="skin", gene_table=[Path("t.tsv")])
    (first, one), (second, two) = options.of_each([Path("a.h5ad"), Path("b.h5ad")])
    assert (first, one.image, second, two.image) == (Path("a.h5ad"), Path("a.tif"), Path("b.h5ad"), Path("b.tif"))
    assert {(given.organ, given.gene_tables, given.min_counts) for given in (one, two)} == {
        ("skin", (Path("t.tsv"),), 1)
    }


def test_a_repeatable_option_is_given_once_a_section_or_not_at_all() -> None:
    sections = [Path("a"), Path("b")]
    assert in_order("--image", None, sections) == [None, None]
    with pytest.raises(ConfigError, match="--image is given 1 times for 2 sections"):
        in_order("--image", [Path("x")], sections)


def test_mpp_is_a_number_or_native() -> None:
    assert mpp_of("0.25") == 0.25
    assert mpp_of("native") is None
    with pytest.raises(ConfigError, match="--mpp fine: give µm/px as a number, or 'native'"):
        mpp_of("fine")


def test_sections_are_chosen_by_name_or_number() -> None:
    names = ["A", "B", "1"]
    assert chosen_sections(None, names) is None
    assert chosen_sections(["2", "B"], names) == ["1", "B"]
    assert chosen_sections(["1"], names) == ["1"]  # a name before a number
    with pytest.raises(ConfigError, match="--only 3: give a section's name or a number from 0 to 2"):
        chosen_sections(["3"], names)
