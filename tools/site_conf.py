"""How Sphinx makes the site; tools/build_site.py lays out the sources and calls it."""

from __future__ import annotations

from typing import Any

from latex2mathml.converter import convert

from qtp_toolkit import __version__

project = "qtp_toolkit"
author = "The qtp_toolkit developers"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
html_theme = "furo"
html_title = "qtp_toolkit"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_extra_path = ["extra"]
html_show_copyright = False
html_math_renderer = "mathml"
html_show_sphinx = False
exclude_patterns = ["extra"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = False


def _inline(self: Any, node: Any) -> None:
    self.body.append(convert(node.astext()))
    raise _skip()


def _display(self: Any, node: Any) -> None:
    self.body.append(convert(node.astext(), display="block"))
    raise _skip()


def _skip() -> Exception:
    from docutils.nodes import SkipNode  # noqa: PLC0415

    return SkipNode()


def setup(app: Any) -> None:
    """Equations as MathML, which browsers draw by themselves: a page fetches nothing."""
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_display, None))
