"""Addresses with secrets: what may be shown of them, what is held, and what is sent where."""

import os
from pathlib import Path

import pytest

from past.base.text.address import HELD, file_at, held_in, hidden, hold, shown, with_secrets, without_user

PRESIGNED = "https://h.org/set?X-Amz-Credential=AKIA%2F1&X-Amz-Signature=0a1b2c"
ADDRESSES = {  # whole → shown
    "https://user:pass@h.org/set": "https://h.org/set",
    "https://user:p%40ss@h.org:8443/set/": "https://h.org:8443/set/",
    "https://TOKEN@h.org/a@b": "https://h.org/a@b",
    PRESIGNED: "https://h.org/set",
    "https://h.org/set?token=abc#part": "https://h.org/set",
    "https://u:p@h.org?token=abc": "https://h.org",
    "http://u:p@[::1]:8000/set?x=1": "http://[::1]:8000/set",
    "s3://AKIA:se/cr+et@bucket/set": "s3://bucket/set",
    "https://user:pa?ss@h.org/set": "https://h.org/set",
    "https://user:p@ss@h.org/set": "https://h.org/set",
    "ftp://user:pass@h.org/set": "ftp://h.org/set",
    "1ftp://user:pass@h.org/set": "1ftp://h.org/set",
    "https://u:p'w\"x@h.org/set": "https://h.org/set",
    "https://u:p w@h.org/set": "https://h.org/set",
    "https://h.org/set;sig=abc": "https://h.org/set",
    "abfs://key:secret@account.dfs.core.windows.net/set": "abfs://account.dfs.core.windows.net/set",
    "simplecache::https://u:p@h.org/set?x=1": "simplecache::https://h.org/set",
    "abfs://container@account.dfs.core.windows.net/set?sig=abc": "abfs://container@account.dfs.core.windows.net/set",
}
PLAIN = (
    "https://h.org/set",
    "http://127.0.0.1:8000/a@b",
    "s3://bucket/set",
    "shards",
    "/data/a?b",
    "http://[::1]:80/x",
    "http://h.org:80/a;b/c",
)


@pytest.fixture(autouse=True)
def nothing_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HELD, "")


@pytest.mark.parametrize("address", ADDRESSES)
def test_what_is_shown_has_no_secret_and_is_the_key_to_the_whole(address: str) -> None:
    assert shown(address) == ADDRESSES[address]
    assert with_secrets(ADDRESSES[address]) == ADDRESSES[address]
    assert hold(address) == ADDRESSES[address]
    assert with_secrets(ADDRESSES[address]) == address
    assert hold(hold(address)) == ADDRESSES[address]
    assert with_secrets(ADDRESSES[address]) == address, "the shown one is no other secret"


@pytest.mark.parametrize("address", PLAIN)
def test_what_has_no_secret_is_itself(address: str) -> None:
    assert shown(address) == hold(address) == with_secrets(address) == address
    assert os.environ[HELD] == ""


def test_a_text_without_end_is_searched_once() -> None:
    long = "x" * 300_000  # a search from each of its letters would take minutes
    assert shown(f"{long}://u:p@h") == f"{long}://h"
    assert shown(long) == long


def test_words_of_a_command_line_and_settings_are_searched() -> None:
    assert hold(f"data.root={PRESIGNED}") == "data.root=https://h.org/set"
    assert hold(f"data.root='{PRESIGNED}'") == "data.root='https://h.org/set'"
    assert hold("data.root=https://a:b@h/1,https://h/2?c=d") == "data.root=https://h/1,https://h/2"
    assert (with_secrets("https://h/1"), with_secrets("https://h/2")) == ("https://a:b@h/1", "https://h/2?c=d")
    tree = {"data": {"root": "https://u:p@h.org/x", "val": ["C4"], "size": 4}}
    assert held_in(tree) == {"data": {"root": "https://h.org/x", "val": ["C4"], "size": 4}}


def test_the_last_secret_of_an_address_counts() -> None:
    hold("https://h/1?token=old")
    hold("https://h/2?token=other")
    hold("https://h/1?token=new")
    assert (with_secrets("https://h/1"), with_secrets("https://h/2")) == (
        "https://h/1?token=new",
        "https://h/2?token=other",
    )


def test_a_file_of_an_address_lies_before_its_query() -> None:
    assert file_at(PRESIGNED, "index.json") == PRESIGNED.replace("/set?", "/set/index.json?")
    assert file_at("https://h.org/set/", "a.tar") == "https://h.org/set/a.tar"


def test_the_user_is_split_off_and_decoded() -> None:
    assert without_user("https://us%3Aer:p%40ss@h.org/x?y=1") == ("https://h.org/x?y=1", "us:er", "p@ss")
    assert without_user("s3://AKIA:se/cr+et@bucket/x") == ("s3://bucket/x", "AKIA", "se/cr+et")
    assert without_user("ftp://h.org/x") == ("ftp://h.org/x", None, None)


def test_netrc_gives_the_user_of_its_host_and_of_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert without_user("https://h.org/x") == ("https://h.org/x", None, None)
    (tmp_path / ".netrc").write_text("machine h.org login me password secret\ndefault login all password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    assert without_user("https://h.org/x") == ("https://h.org/x", "me", "secret")
    assert without_user("https://other.org/x") == ("https://other.org/x", None, None)
    assert without_user("s3://h.org/x") == ("s3://h.org/x", None, None)


def test_other_programs_words_about_an_address_lose_its_secrets() -> None:
    said = f"cannot reach {PRESIGNED},\nsignature 0a1b2c of AKIA/1"
    assert hidden(said, PRESIGNED) == "cannot reach https://h.org/set, signature … of …"
    assert hidden("[Errno 1] no pass for user", "https://user:pass@h/x?v=1") == "[Errno 1] no … for …"
