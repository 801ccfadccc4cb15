"""The shape of an answer that is not one: names and types, never content."""

from __future__ import annotations

import json
import re
from typing import Any

__all__ = ["describe_shape"]

_TITLE = re.compile(r"<title[^>]*>([^<]{0,120})", re.IGNORECASE)
_HTML = re.compile(r"\s*(?:<!doctype html|<html|<head|<body)", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_][A-Za-z_.\-]{0,39}").fullmatch
# A bare token with base64 padding reads like a form with one name: only plain words are shown.
_FORM_NAME = re.compile(r"[a-z][a-z_]{0,39}").fullmatch
_TYPES = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}


def describe_shape(body: str | bytes) -> str:
    """
    Say what *body* looks like: ``JSON object {error: string, code: number}``, ``HTML page "…"``.

    Top-level names and types of JSON, the title of an HTML page, the names of a form, else
    "text" or "binary". Names that could be somebody's secret (longer than forty characters, or with
    anything but letters and ``_.-``) are counted, not shown.
    """
    text = body if isinstance(body, str) else body.decode(errors="replace")
    if not text.strip():
        return "empty"
    if _HTML.match(text):
        title = _TITLE.search(text)
        return f"HTML page {title[1].strip()!r}" if title else "HTML page"
    try:
        return f"JSON {_describe_json(json.loads(text))}"
    except (ValueError, RecursionError):
        pass
    if "\ufffd" in text or "\x00" in text:
        return "binary"
    names = [segment.partition("=")[0] for segment in text.split("&")] if "=" in text else []
    if names and all(map(_FORM_NAME, names)):
        return f"form {{{', '.join(names[:12])}}}"
    return "text"


def _describe_json(value: Any) -> str:
    if isinstance(value, dict):
        shown = [f"{k}: {_kind(v)}" for k, v in value.items() if _NAME(k)][:12]
        if rest := len(value) - len(shown):
            shown.append(f"{rest} more")
        return f"object {{{', '.join(shown)}}}"
    if isinstance(value, list):
        return f"array of {len(value)}"
    return _kind(value)


def _kind(value: Any) -> str:
    return _TYPES.get(type(value), "number")
