"""The shape of an answer that is not one: names and types, never content."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, cast

__all__ = ["describe_shape", "list_names", "show_text"]

# Bounded, so that a page full of "<title" costs no more than its length.
_TITLE = re.compile(r"<title[^<>]{0,200}>([^<]{0,200})", re.IGNORECASE)
_HTML = re.compile(r"\s*+(?:<!doctype html|<html|<head|<body)", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_][A-Za-z_.\-]{0,39}").fullmatch
# A bare token with base64 padding reads like a form with one name: only plain words are shown.
_FORM_NAME = re.compile(r"[a-z][a-z_]{0,39}").fullmatch
# "Gateway", "Time-out", "(504)", "Error:"; a page's title may repeat what was sent to the server.
_TITLE_WORD = re.compile(
    r"\W?(?:[^\W\d_]{1,20}(?:[-'.][^\W\d_]{1,20}){0,2}|\d{1,3})?\W{0,2}"
).fullmatch
_TYPES: dict[type[object], str] = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    type(None): "null",
}
_MOST_NAMES = 12


def describe_shape(body: str | bytes) -> str:
    """
    Say what *body* looks like: ``JSON object {error: string, code: number}``, ``HTML page "…"``.

    Top-level names and types of JSON, the title of an HTML page, the names of a form, else
    "text" or "binary". Names that could be somebody's secret (longer than forty characters, or with
    anything but letters and ``_.-``) are counted, not shown; such words of a title are masked.
    """
    text = body if isinstance(body, str) else body.decode(errors="replace")
    if not text.strip():
        return "empty"
    if _HTML.match(text):
        title = _TITLE.search(text)
        return f"HTML page {_describe_title(title[1])!r}" if title else "HTML page"
    try:
        return f"JSON {_describe_json(json.loads(text))}"
    except (ValueError, RecursionError):
        pass
    if "\ufffd" in text or "\x00" in text:
        return "binary"
    names = [segment.partition("=")[0] for segment in text.split("&")] if "=" in text else []
    if names and all(map(_FORM_NAME, names)):
        return f"form {{{list_names(names)}}}"
    return "text"


def list_names(names: Iterable[str]) -> str:
    """List the *names* of a form or query, those that could be somebody's secret as a count."""
    given = list(names)
    return _counted([name for name in given if _FORM_NAME(name)], len(given))


def show_text(text: str, limit: int) -> str:
    """
    Return *text* as it may be shown: printable, at most *limit* characters and an ellipsis.

    It ends between words, so that no secret is cut in two: who sent one masks it.
    """
    text = "".join(c if c.isprintable() else " " for c in text).strip()
    return text if len(text) <= limit else f"{text[:limit].rpartition(' ')[0]} …".lstrip()


def _counted(shown: list[str], total: int) -> str:
    shown = shown[:_MOST_NAMES]
    if rest := total - len(shown):
        shown.append(f"{rest} more")
    return ", ".join(shown)


def _describe_title(title: str) -> str:
    words = title.split()
    if len(title) == 200:  # cut, maybe in the middle of a word
        words = words[:-1]
    return " ".join(word if _TITLE_WORD(word) else "***" for word in words)


def _describe_json(value: Any) -> str:
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        shown = [f"{name}: {_kind(member)}" for name, member in members.items() if _NAME(name)]
        return f"object {{{_counted(shown, len(members))}}}"
    if isinstance(value, list):
        return f"array of {len(cast('list[object]', value))}"
    return _kind(value)


def _kind(value: object) -> str:
    return _TYPES.get(type(value), "number")
