"""What ``connect()`` takes as credentials: a mapping, an object, a JSON file, the environment."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

import attrs

from oauthkit.errors import CredentialsError

if TYPE_CHECKING:
    from oauthkit.provider import OAuth1Provider

__all__ = [
    "Credentials",
    "OAuth1Credentials",
    "check_credentials",
    "environment_name",
    "load_credentials",
]


@attrs.frozen(kw_only=True)
class OAuth1Credentials:
    """
    The credentials of an OAuth 1.0a client, and of the user whose token it holds (RFC 5849 §1.1).

    *client_id* and *client_secret* are the consumer key and secret, *token* and *token_secret* the
    token credentials, where there are any already. *rsa_key* is a private key in PEM, for the RSA
    methods. *redirect_uri* is the callback, or ``oob``. Checked when a client is made of them.
    """

    client_id: str
    client_secret: str | None = attrs.field(default=None, repr=False)
    token: str | None = attrs.field(default=None, repr=False)
    token_secret: str | None = attrs.field(default=None, repr=False)
    rsa_key: str | None = attrs.field(default=None, repr=False)
    redirect_uri: str | None = None


Credentials: TypeAlias = OAuth1Credentials | Mapping[str, object] | str | os.PathLike[str] | None
"""An object, a mapping, the path of a JSON file (text is always a path), None: the environment."""

Fault: TypeAlias = tuple[str, str, str]
Values: TypeAlias = tuple[str, str | None, str | None, str | None, str | None, str | None]

_FIELDS = ("client_id", "client_secret", "token", "token_secret", "rsa_key", "redirect_uri")
_KNOWN = frozenset(_FIELDS)
_SECRETS = frozenset(_FIELDS[:4])
_ENVIRONMENT = "the environment"
# What other libraries and the services' own sites call the same things.
_SYNONYMS = {
    "access_token": "token",
    "access_token_secret": "token_secret",
    "api_key": "client_id",
    "api_key_secret": "client_secret",
    "api_secret": "client_secret",
    "callback": "redirect_uri",
    "callback_uri": "redirect_uri",
    "callback_url": "redirect_uri",
    "consumer_key": "client_id",
    "consumer_secret": "client_secret",
    "oauth_consumer_key": "client_id",
    "oauth_token": "token",
    "oauth_token_secret": "token_secret",
    "private_key": "rsa_key",
    "resource_owner_key": "token",
    "resource_owner_secret": "token_secret",
}
_LARGEST_FILE = 1024 * 1024
_VISIBLE = re.compile(r"[!-~]+").fullmatch
_PRIVATE_KEY = re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----[\r\n]").search
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.").match
# Other keys are not shown: somebody may have swapped key and value.
_NAME_LIKE = re.compile(r"[a-z][a-z_.-]{0,39}").fullmatch


def load_credentials(
    provider: OAuth1Provider,
    creds: Credentials,
    *,
    environ: Mapping[str, str] = os.environ,
    signature_method: str | None = None,
) -> OAuth1Credentials:
    """
    Read *creds* for *provider* and check them.

    None reads the environment, ``OAUTHKIT_<PROVIDER>__<FIELD>``; nothing else does. What is needed
    depends on *signature_method*, by default the provider's first: a ``client_secret`` for HMAC
    and PLAINTEXT, an ``rsa_key`` for RSA.

    Raises CredentialsError, which lists all that is missing, unknown or invalid, and no value.
    """
    method = signature_method or provider.signature_methods[0]
    name = provider.name
    if isinstance(creds, OAuth1Credentials):
        if faults := list(_find_faults(_values_of(creds), method)):
            raise _explain(name, attrs.asdict(creds), "", faults, environ)
        return creds
    if isinstance(creds, Mapping):
        return _from_mapping(name, creds, "", method, environ)
    if creds is None:
        return _from_environment(name, method, environ)
    return _from_mapping(name, *_read_file(name, creds), method, environ)


def check_credentials(
    whose: str, creds: OAuth1Credentials, *, signature_method: str
) -> OAuth1Credentials:
    """
    Return *creds* if they can sign with *signature_method*; *whose* they are names the error.

    Raises CredentialsError, which lists all that is missing or invalid, and no value.
    """
    faults = [
        (kind, field, hint or f"pass {field}=… to sign with {signature_method}")
        for kind, field, hint in _find_faults(_values_of(creds), signature_method)
    ]
    if faults:
        raise CredentialsError(whose, faults)
    return creds


def _values_of(creds: OAuth1Credentials) -> tuple[object, ...]:
    return (
        creds.client_id,
        creds.client_secret,
        creds.token,
        creds.token_secret,
        creds.rsa_key,
        creds.redirect_uri,
    )


def environment_name(provider: str, field: str) -> str:
    """Return the variable that a field is read from: ``OAUTHKIT_X_APP__TOKEN`` for ``x-app``."""
    return f"{_prefix(provider)}{field.upper()}"


def _prefix(provider: str) -> str:
    # Two underscores end the name: x and x-app must not be confused.
    return f"OAUTHKIT_{provider.upper().replace('-', '_')}__"


def _from_environment(name: str, method: str, environ: Mapping[str, str]) -> OAuth1Credentials:
    prefix = _prefix(name)
    known = {environment_name(name, field): field for field in _FIELDS}
    # An unknown variable keeps its whole name, which is how the error shows it.
    fields = {
        known.get(variable, variable): value
        for variable, value in environ.items()
        if variable.startswith(prefix)
    }
    return _from_mapping(name, fields, _ENVIRONMENT, method, environ)


def _from_mapping(
    name: str, creds: Mapping[str, object], source: str, method: str, environ: Mapping[str, str]
) -> OAuth1Credentials:
    get = creds.get
    values = tuple(map(get, _FIELDS))
    faults = list(_find_faults(values, method))
    if faults or not _KNOWN.issuperset(creds):
        raise _explain(name, creds, source, faults, environ)
    client_id, client_secret, token, token_secret, rsa_key, redirect_uri = cast("Values", values)
    return OAuth1Credentials(
        client_id=client_id,
        client_secret=client_secret,
        token=token,
        token_secret=token_secret,
        rsa_key=rsa_key,
        redirect_uri=redirect_uri,
    )


def _find_faults(values: Sequence[object], method: str) -> Iterator[Fault]:
    """Find what is missing or invalid among the values of ``_FIELDS``, in this order."""
    client_id, client_secret, token, token_secret, rsa_key, _ = values
    rsa = str(method).startswith("RSA")
    if client_id is None:
        yield "missing", "client_id", ""
    if client_secret is None and not rsa:
        yield "missing", "client_secret", ""
    if token is None and token_secret is not None:
        yield "missing", "token", ""
    if token_secret is None and token is not None and not rsa:
        yield "missing", "token_secret", ""
    if rsa_key is None and rsa:
        yield "missing", "rsa_key", ""
    for field, value in zip(_FIELDS, values, strict=True):
        if value is not None and (what := _find_flaw(field, value)):
            yield "invalid", field, what


def _find_flaw(field: str, value: object) -> str:
    """Say what is wrong with a value, without a part of it; nothing where it is sound."""
    if not isinstance(value, str):
        return f"expected text, got {type(value).__name__}"
    if field in _SECRETS and _VISIBLE(value):
        return ""
    if not value.strip():
        return "it is white space" if value else "it is empty: leave it out, or fill it in"
    if field == "rsa_key":
        if _PRIVATE_KEY(value):
            return ""
        ends = ", with its line ends and not the characters \\n" if "\\n" in value else ""
        return f"expected the text of a private key in PEM, from -----BEGIN on{ends}"
    if value.strip() != value:
        return "it begins or ends with white space, as a pasted line does"
    if any("\ud800" <= character <= "\udfff" for character in value):
        return "it holds half a character (a lone surrogate): read it as UTF-8"
    if not value.isprintable():
        return "it holds a control or invisible character"
    if field == "redirect_uri" and value != "oob" and (" " in value or not _URI(value)):
        return "expected an absolute URI, or oob (RFC 5849 §2.1)"
    return ""


def _explain(
    name: str,
    creds: Mapping[str, object],
    source: str,
    faults: list[Fault],
    environ: Mapping[str, str],
) -> CredentialsError:
    """Make the error of a mapping: its own faults with hints, then what nobody asked for."""
    from_environment = source == _ENVIRONMENT
    absent = [field for field in _FIELDS if creds.get(field) is None]
    unknown: list[Fault] = []
    suggested: set[str] = set()
    for key in creds:
        if key not in _KNOWN:
            match = _guess_field(key, _prefix(name), absent)
            suggested.add(match)
            shown = key if from_environment else _show_key(key, match)
            wanted = environment_name(name, match) if from_environment else f'"{match}"'
            hint = f"did you mean {wanted}?" if match else f"the keys are {', '.join(_FIELDS)}"
            unknown.append(("unknown", str(shown), hint))
    # What is there under a wrong name is not missing as well.
    told = [fault for fault in faults if fault[0] != "missing" or fault[1] not in suggested]
    hinted = [
        (kind, field, hint if kind == "invalid" else _where(name, field, from_environment, environ))
        for kind, field, hint in told
    ]
    return CredentialsError(name, [*hinted, *unknown], source=source)


def _where(name: str, field: str, from_environment: bool, environ: Mapping[str, str]) -> str:
    """Say where a missing field goes."""
    variable = environment_name(name, field)
    if not from_environment and variable in environ:
        return f'"{field}"; {variable} is set, but read only where no creds are passed'
    return f'"{field}", or {variable}'


def _guess_field(key: object, prefix: str, absent: Sequence[str]) -> str:
    """Return the field that an unknown key was probably meant for; nothing where none is near."""
    from difflib import get_close_matches

    if not isinstance(key, str):
        return ""
    name = key.removeprefix(prefix).lower().replace("-", "_")
    near = get_close_matches(name, [*_FIELDS, *_SYNONYMS], n=6)
    fields = [_SYNONYMS.get(match, match) for match in near]
    return next((field for field in fields if field in absent), fields[0] if fields else "")


def _show_key(key: object, match: str) -> str:
    if not isinstance(key, str):
        return f"a key of type {type(key).__name__}"
    named = _NAME_LIKE(key) or (match and key.isprintable())
    return key if named else f"a key of {len(key)} characters"


def _read_file(name: str, path: object) -> tuple[Mapping[str, object], str]:
    """Read a JSON object from *path*; return it and how the file may be called in an error."""
    if not isinstance(path, (str, os.PathLike)):
        hint = f"expected a mapping, OAuth1Credentials, a path or None, got {type(path).__name__}"
        raise CredentialsError(name, [("invalid", "creds", hint)])
    if isinstance(path, str) and path.lstrip().startswith("{"):
        hint = "text is a path, and this looks like JSON: pass json.loads(…)"
        raise CredentialsError(name, [("invalid", "creds", hint)])
    path = cast("str | os.PathLike[str]", path)
    source = _show_path(path)
    found = _parse_file(path)
    # Raised out here, so that the parser's own error, which holds the whole text, is let go.
    if isinstance(found, str):
        raise CredentialsError(name, [("invalid", "file", found)], source=source)
    return found, source


def _parse_file(path: str | os.PathLike[str]) -> Mapping[str, object] | str:
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
        twice.extend(field for field in _FIELDS if names.count(field) > 1)
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
        return 'it is JSON, but no object: expected {"client_id": …}'
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
