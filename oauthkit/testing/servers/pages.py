"""
Render the page on which a user grants or refuses access: RFC 5849, section 2.2, RFC 6749, 3.1.

Plain HTML without script or style sheet of its own, so that any browser, and a test, can use it.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from types import MappingProxyType

__all__ = ["consent_page", "message_page"]

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title></head>
<body>
<h1>{title}</h1>
{content}
</body>
</html>
"""
_FORM = """<p>An application asks for access to your account at {host}.</p>
<form method="post">
{hidden}<p><label>User <input name="user" value="{user}"></label></p>
<p><button name="decision" value="approve">Authorize app</button>
<button name="decision" value="deny">Cancel</button></p>
</form>"""


def message_page(title: str, message: str) -> str:
    """Render a page that says one thing."""
    return _PAGE.format(title=escape(title), content=f"<p>{escape(message)}</p>")


def consent_page(host: str, user: str, hidden: Mapping[str, str] = MappingProxyType({})) -> str:
    """Render the page with the form that asks *user*; *hidden* is sent along with the answer."""
    fields = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">\n'
        for name, value in hidden.items()
    )
    form = _FORM.format(host=escape(host), hidden=fields, user=escape(user))
    return _PAGE.format(title="Authorize an application", content=form)
