"""Sphinx's settings: MyST pages, furo, and the reference from the docstrings."""

from __future__ import annotations

from importlib.metadata import version as installed_version

project = "oauthkit"
author = "oauthkit contributors"
copyright = f"2026 {author}"  # noqa: A001 - Sphinx's name for it
version = release = installed_version("oauthkit")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
# Third parties' own readmes are not pages of ours.
exclude_patterns = ["_build", "examples"]
# Links to a heading of a page; the checks that every link leads somewhere come with it.
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True

html_theme = "furo"
html_title = f"oauthkit {version}"
html_show_sphinx = False
# Nothing is loaded from elsewhere, and the sources lie in the repository.
html_copy_source = False

# Every reference must lead somewhere, but for the types in signatures: most are of other projects,
# whose inventories lie on the network, and some are names for type checkers only.
nitpicky = True
nitpick_ignore_regex = [("py:(class|data)", ".*")]
