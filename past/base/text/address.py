"""Addresses that carry secrets (a password, a presigned query): they work, and nothing ever shows or keeps them whole.

`hold` takes the secrets out of a text, be it a word of a command line or a setting, and keeps them in this process and
those that it starts; from then on the program knows the address by the part that may be shown, in configurations,
checkpoints, logs and messages, and only what opens it asks for the `with_secrets`.
"""

import netrc
import os
import re
from typing import Final
from urllib.parse import unquote, urlsplit

HELD: Final = "PAST_ADDRESSES"  # environment: whole addresses, a line each; processes that this one starts inherit it
CURE: Final = "a run keeps its address without user, password and query: give data.root= whole again, or use ~/.netrc"
# up to the next one: a list of them has commas, a chain of stores (simplecache::s3://…) has "::"; it is sought where a
# word begins only, or a long word would be read again from each of its letters
_ADDRESS: Final = re.compile(
    r"""(?<![\w+.-])[\w+.-]+://"""
    r"""(?:[^\s/?#@:'",]*:[^/@\n]{1,200}@)?"""  # a password may hold spaces and quotes
    r"""(?:(?!(?:,|::)[A-Za-z][\w+.-]*(?:://|::))[^\s'"])+"""
)
_PORT: Final = re.compile(r"(\[.*\])?[^:]*(:\d*)?")  # what may stand behind the user: a host, a port
_CONTAINER_FIRST: Final = ("abfs", "abfss", "adl", "wasb", "wasbs")  # CONTAINER@ACCOUNT: what stands there is no user


def is_address(root: str) -> bool:
    """Whether `root` is an address, not a directory."""
    return "://" in root


def shown(text: str) -> str:
    """Return `text` with every address in it as it may be shown: without user, password, query and fragment."""
    return _ADDRESS.sub(lambda found: _shown(found[0]), text)


def hold(text: str) -> str:
    """Return `shown(text)`, and keep what that leaves out, for `with_secrets`."""
    secret = [found[0] for found in _ADDRESS.finditer(text) if _shown(found[0]) != found[0]]
    if secret:
        kept = [address for address in _held() if shown(address) not in map(shown, secret)]
        os.environ[HELD] = "\n".join([*kept, *secret])
    return shown(text)


def held_in(value: object) -> object:
    """Return a setting, or a tree of them, with every text in it through `hold`."""
    if isinstance(value, str):
        return hold(value)
    if isinstance(value, list):
        return [held_in(part) for part in value]
    if isinstance(value, dict):
        return {key: held_in(part) for key, part in value.items()}
    return value


def with_secrets(address: str) -> str:
    """Return the address that `address` is the shown part of, with its secrets where they are held."""
    known = {_shown(held): held for held in _held()}
    return _ADDRESS.sub(lambda found: known.get(found[0], found[0]), address)


def file_at(address: str, name: str) -> str:
    """Return the address of a file below `address`: its path grows, its query stays behind it."""
    place, mark, query = address.partition("?")
    return f"{place.rstrip('/')}/{name}{mark}{query}"


def without_user(address: str) -> tuple[str, str | None, str | None]:
    """Split an address into itself without its user, the user, and the password; None where there is none.

    For http(s) without one, the entry of the host in ~/.netrc (or $NETRC) is taken; the `default` entry never is.
    """
    user, password, bare = _user(address)
    if user is None and address.startswith(("http://", "https://")):
        user, password = _netrc(urlsplit(bare).hostname or "")
    return bare, user, password


def hidden(text: str, address: str) -> str:
    """Return words of another program about `address` without its secrets, and on one line."""
    user, password, bare = _user(address)
    query = bare.partition("?")[2]
    values = [value for part in query.split("&") if len(value := part.partition("=")[2]) > 3]
    secrets = {part for secret in (user, password, query, *values) if secret for part in (secret, unquote(secret))}
    text = text.replace(address, _shown(address))
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "…")
    return " ".join(text.split())


def _held() -> list[str]:
    return os.environ.get(HELD, "").splitlines()


def _shown(address: str) -> str:
    user, password, bare = _user(address)
    if password is None and user is not None and address.partition("://")[0] in _CONTAINER_FIRST:
        bare = address
    return re.split(r"[?#]|;[\w.-]*=", bare, maxsplit=1)[0]


def _user(address: str) -> tuple[str | None, str | None, str]:
    """Return the user, the password (both decoded) and the address without them."""
    scheme, mark, rest = address.partition("://")
    end = len(re.split(r"[/?#]", rest, maxsplit=1)[0])
    if "@" not in rest[:end] and not _PORT.fullmatch(rest[:end]):  # a password with a / that is not written as %2F
        end = rest.find("@") + 1 or end
        end += len(re.split(r"[/?#]", rest[end:], maxsplit=1)[0])
    found, at, host = rest[:end].rpartition("@")
    if not at:
        return None, None, address
    user, colon, password = found.partition(":")
    return unquote(user), unquote(password) if colon else None, f"{scheme}{mark}{host}{rest[end:]}"


def _netrc(host: str) -> tuple[str | None, str | None]:
    try:
        user, _, password = netrc.netrc(os.environ.get("NETRC")).hosts[host]
    except (OSError, KeyError, netrc.NetrcParseError):
        return None, None
    return user, password
