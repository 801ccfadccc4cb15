"""How every kind of credentials is read: a mapping, an object, a JSON file, the environment."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar, cast

import attrs

from oauthkit.errors import CredentialsError

__all__ = [
    "ENVIRONMENT",
    "Fault",
    "Given",
    "Kind",
    "environment_name",
    "explain",
    "find_flaw",
    "is_visible",
    "load",
    "open_credentials",
]

C = TypeVar("C")

Given: TypeAlias = Mapping[str, object] | str | os.PathLike[str] | None
"""A mapping, the path of a JSON file (text is always a path), None: the environment."""

Fault: TypeAlias = tuple[str, str, str]
"""What kind of fault (``missing``, ``unknown``, ``invalid``), of which field, and a hint."""

ENVIRONMENT = "the environment"
_LARGEST_FILE = 1024 * 1024
is_visible = re.compile(r"[!-~]+").fullmatch
_PRIVATE_KEY = re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----[\r\n]").search
# Other keys are not shown: somebody may have swapped key and value.
_NAME_LIKE = re.compile(r"[a-z][a-z_.-]{0,39}").fullmatch


@attrs.frozen(kw_only=True, eq=False)
class Kind(Generic[C]):
    """
    One kind of credentials: what it is made of, and what that is called.

    *fields* are those of the class *made*; *keys* are their names in mappings, files and the
    environment, in the same order. *synonyms* are what others call them. *known* are all members
    that may be there; those of *constants* hold the given value, where they are there.
    """

    made: type[C]
    fields: tuple[str, ...]
    values_of: Callable[[C], tuple[object, ...]]
    keys: tuple[str, ...]
    synonyms: Mapping[str, str]
    known: frozenset[str]
    constants: tuple[tuple[str, str], ...] = ()


def load(
    kind: Kind[C],
    whose: str,
    creds: C | Given,
    find_faults: Callable[[Sequence[object]], Iterable[Fault]],
    environ: Mapping[str, str],
) -> C:
    """
    Read *creds* for the provider named *whose*, and check them.

    *find_faults* is given the values in the order of the fields, and names fields in its faults.
    None reads the environment, ``OAUTHKIT_<PROVIDER>__<FIELD>``; nothing else does. Raises
    CredentialsError, which lists all that is missing, unknown or invalid, and no value.
    """
    if isinstance(creds, kind.made):
        values = kind.values_of(creds)
        if faults := list(find_faults(values)):
            held = dict(zip(kind.keys, values, strict=True))
            raise explain(kind, whose, held, "", faults, environ)
        return creds
    members, source = open_credentials(kind, whose, cast("Given", creds), environ)
    if kind.constants:
        _check_constants(kind, whose, members, source)
    values = tuple(map(members.get, kind.keys))
    faults = list(find_faults(values))
    if faults or not kind.known.issuperset(members):
        raise explain(kind, whose, members, source, faults, environ)
    if kind.keys is kind.fields:
        return kind.made(**members)
    return kind.made(**dict(zip(kind.fields, values, strict=True)))


def open_credentials(
    kind: Kind[C], whose: str, creds: Given, environ: Mapping[str, str]
) -> tuple[Mapping[str, object], str]:
    """Return the members of *creds*, and what their source may be called in an error."""
    if isinstance(creds, Mapping):
        return creds, ""
    if creds is None:
        return _read_environment(kind, whose, environ), ENVIRONMENT
    return _read_file(kind, whose, creds)


def environment_name(provider: str, field: str) -> str:
    """Return the variable that a field is read from: ``OAUTHKIT_X_APP__TOKEN`` for ``x-app``."""
    return f"{_prefix(provider)}{field.upper()}"


def _prefix(provider: str) -> str:
    # Two underscores end the name: x and x-app must not be confused.
    return f"OAUTHKIT_{provider.upper().replace('-', '_')}__"


def _read_environment(
    kind: Kind[C], whose: str, environ: Mapping[str, str]
) -> Mapping[str, object]:
    prefix = _prefix(whose)
    known = {environment_name(whose, key): key for key in kind.known}
    # An unknown variable keeps its whole name, which is how the error shows it.
    return {
        known.get(variable, variable): value
        for variable, value in environ.items()
        if variable.startswith(prefix)
    }


def find_flaw(field: str, value: object) -> str:
    """Say what is wrong with a text, without a part of it; nothing where it is sound."""
    if not isinstance(value, str):
        return f"expected text, got {type(value).__name__}"
    if not value.strip():
        return "it is white space" if value else "it is empty: leave it out, or fill it in"
    if field in ("rsa_key", "private_key"):
        if _PRIVATE_KEY(value):
            return ""
        ends = ", with its line ends and not the characters \\n" if "\\n" in value else ""
        return f"expected the text of a private key in PEM, from -----BEGIN on{ends}"
    # Somebody may have chosen a password with a space at its end; nobody was given a key like it.
    if value.strip() != value and field != "password":
        return "it begins or ends with white space, as a pasted line does"
    if any("\ud800" <= character <= "\udfff" for character in value):
        return "it holds half a character (a lone surrogate): read it as UTF-8"
    if not value.isprintable():
        return "it holds a control or invisible character"
    return ""


def _check_constants(kind: Kind[C], whose: str, members: Mapping[str, object], source: str) -> None:
    """Refuse what says that it is something else: its other members need no list."""
    for key, expected in kind.constants:
        value = members.get(key)
        if value is not None and value != expected:
            said = f'"{value}"' if isinstance(value, str) and _NAME_LIKE(value) else "another"
            hint = f'expected "{expected}", this is {said}: credentials of another kind'
            raise CredentialsError(whose, [("invalid", key, hint)], source=source)


def explain(
    kind: Kind[C],
    whose: str,
    members: Mapping[str, object],
    source: str,
    faults: Iterable[Fault],
    environ: Mapping[str, str],
) -> CredentialsError:
    """Make the error of *members*: their own faults with hints, then what nobody asked for."""
    from_environment = source == ENVIRONMENT
    names = dict(zip(kind.fields, kind.keys, strict=False))
    absent = [key for key in kind.keys if members.get(key) is None]
    unknown: list[Fault] = []
    suggested: set[str] = set()
    for key in members:
        if key not in kind.known:
            match = _guess_key(kind, key, _prefix(whose), absent)
            suggested.add(match)
            shown = key if from_environment else _show_key(key, match)
            wanted = environment_name(whose, match) if from_environment else f'"{match}"'
            hint = f"did you mean {wanted}?" if match else f"the keys are {', '.join(kind.keys)}"
            unknown.append(("unknown", str(shown), hint))
    told: list[Fault] = []
    for what, field, hint in faults:
        key = names.get(field, field)
        if what != "missing":
            told.append((what, key, hint))
        elif key not in suggested:  # what is there under a wrong name is not missing as well
            where = _where(whose, key, from_environment, environ)
            told.append((what, key, f"{where}: {hint}" if hint else where))
    return CredentialsError(whose, [*told, *unknown], source=source)


def _where(whose: str, key: str, from_environment: bool, environ: Mapping[str, str]) -> str:
    """Say where a missing field goes."""
    variable = environment_name(whose, key)
    if not from_environment and variable in environ:
        return f'"{key}"; {variable} is set, but read only where no creds are passed'
    return f'"{key}", or {variable}'


def _guess_key(kind: Kind[C], key: object, prefix: str, absent: Sequence[str]) -> str:
    """Return the key that an unknown one was probably meant for; nothing where none is near."""
    from difflib import get_close_matches

    if not isinstance(key, str):
        return ""
    name = key.removeprefix(prefix).lower().replace("-", "_")
    if name in kind.synonyms:
        return kind.synonyms[name]
    near = get_close_matches(name, [*kind.keys, *kind.synonyms], n=6)
    keys = [kind.synonyms.get(match, match) for match in near]
    return next((found for found in keys if found in absent), keys[0] if keys else "")


def _show_key(key: object, match: str) -> str:
    if not isinstance(key, str):
        return f"a key of type {type(key).__name__}"
    named = _NAME_LIKE(key) or (match and key.isprintable())
    return key if named else f"a key of {len(key)} characters"


def _read_file(kind: Kind[C], whose: str, path: object) -> tuple[Mapping[str, object], str]:
    """Read a JSON object from *path*; return it and how the file may be called in an error."""
    if not isinstance(path, (str, os.PathLike)):
        made = kind.made.__name__
        hint = f"expected a mapping, {made}, a path or None, got {type(path).__name__}"
        raise CredentialsError(whose, [("invalid", "creds", hint)])
    if isinstance(path, str) and path.lstrip().startswith("{"):
        hint = "text is a path, and this looks like JSON: pass json.loads(…)"
        raise CredentialsError(whose, [("invalid", "creds", hint)])
    path = cast("str | os.PathLike[str]", path)
    source = _show_path(path)
    found = _parse_file(kind, path)
    # Raised out here, so that the parser's own error, which holds the whole text, is let go.
    if isinstance(found, str):
        raise CredentialsError(whose, [("invalid", "file", found)], source=source)
    return found, source


def _parse_file(kind: Kind[C], path: str | os.PathLike[str]) -> Mapping[str, object] | str:
    """Return the object in the file, or what is wrong with it."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a path that is no text is one, too
            octets = file.read(_LARGEST_FILE + 1)
    except FileNotFoundError:
        return "there is no such file"
    except IsADirectoryError:
        return "it is a directory"
    except OSError as exc:
        return f"it cannot be read: {exc.strerror}"
    except ValueError:
        return "no path looks like this"
    if len(octets) > _LARGEST_FILE:
        return f"it is larger than {_LARGEST_FILE} bytes: not a file of credentials"
    twice: list[str] = []

    def collect(pairs: list[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in pairs]
        twice.extend(key for key in kind.keys if names.count(key) > 1)
        return dict(pairs)

    try:
        found: object = json.loads(octets.decode("utf-8-sig"), object_pairs_hook=collect)
    except UnicodeDecodeError as exc:
        return f"it is not UTF-8: byte {exc.start + 1}"
    except json.JSONDecodeError as exc:
        return f"it is not JSON: line {exc.lineno}, column {exc.colno}"
    except (RecursionError, ValueError):
        return "it is JSON, but nested too deep, or with a number that is too long"
    if not isinstance(found, dict):
        return f'it is JSON, but no object: expected {{"{kind.keys[0]}": …}}'
    if twice:
        return f"it says {' and '.join(dict.fromkeys(twice))} twice"
    return cast("Mapping[str, object]", found)


def _show_path(path: str | os.PathLike[str]) -> str:
    """Show a path, unless it is text that may be a secret passed by mistake."""
    text = os.fsdecode(path)
    if text.isprintable() and (not isinstance(path, str) or _is_plausible(text)):
        return text
    return f"a path of {len(text)} characters, not shown"


def _is_plausible(text: str) -> bool:
    if text.endswith(".json"):
        return True
    folder = Path(text).parent
    # Base64 may begin with a slash, and any text is a name in the current folder.
    if folder in (Path(), Path(folder.anchor)):
        return False
    try:
        return folder.is_dir()
    except OSError:
        return False
