"""A provider is data, and lives elsewhere: the core knows no vendor's name."""

from __future__ import annotations

import ast
import re

from gates.sources import PACKAGES, parse

# Where a name may stand: an example in a docstring says more than "Acme" would, and the demo shows
# a real declaration at work.
EXEMPT_FILES = ("cli/demo",)

# Names that are also English words (box, line, slack, square, zoom ...) are left out.
VENDORS = (
    "adobe|apple|asana|atlassian|auth0|azure|battlenet|bitbucket|bitly|cognito|"
    "discogs|discord|dropbox|ebay|etsy|evernote|facebook|fitbit|flickr|foursquare|"
    "garmin|github|gitlab|goodreads|google|googleapis|gmail|hubspot|instagram|intuit|"
    "jira|keycloak|linkedin|magento|mailchimp|microsoft|netsuite|okta|onelogin|"
    "openstreetmap|patreon|paypal|pinterest|quickbooks|reddit|salesforce|schoology|"
    "shopify|smugmug|spotify|strava|stripe|tiktok|trello|tripit|tumblr|twitch|twitter|"
    "vimeo|wechat|withings|woocommerce|wordpress|xero|xing|yahoo|yelp|youtube|zendesk"
)
NEEDLE = re.compile(rf"(?<![a-z])(?:{VENDORS}|x\.com)(?![a-z])", re.IGNORECASE)


def without_docstrings(text: str, tree: ast.Module) -> list[str]:
    """Return the lines of *text*, those of docstrings emptied."""
    lines = text.splitlines()
    for node in ast.walk(tree):
        match node:
            case (
                ast.Module(body=[ast.Expr(value=ast.Constant(value=str()) as doc), *_])
                | ast.ClassDef(body=[ast.Expr(value=ast.Constant(value=str()) as doc), *_])
                | ast.FunctionDef(body=[ast.Expr(value=ast.Constant(value=str()) as doc), *_])
                | ast.AsyncFunctionDef(body=[ast.Expr(value=ast.Constant(value=str()) as doc), *_])
            ):
                for number in range(doc.lineno - 1, doc.end_lineno or doc.lineno):
                    lines[number] = ""
            case _:
                pass
    return lines


def test_no_vendor_in_the_core() -> None:
    """No vendor's name occurs in oauthkit/, but in docstrings and in the demo."""
    core = PACKAGES["oauthkit"]
    wrong: list[str] = []
    for path in sorted(core.rglob("*.py")):
        if path.relative_to(core).as_posix().startswith(EXEMPT_FILES):
            continue
        lines = without_docstrings(path.read_text(encoding="utf-8"), parse(path))
        wrong += [f"{path}:{n}: {line}" for n, line in enumerate(lines, 1) if NEEDLE.search(line)]
    assert [] == wrong


def test_the_needle_finds() -> None:
    """Names are found in identifiers, hosts and environment names; words that contain one are not."""
    for text in ("api.x.com", "TWITTER_URL", "OAUTHKIT_TWITTER__TOKEN", "is_google", "GitHub"):
        assert NEEDLE.search(text), text
    for text in ("index.compile", "applesauce", "pineapple", "max.company"):
        assert not NEEDLE.search(text), text
