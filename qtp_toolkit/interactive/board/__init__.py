"""The dashboard: linked maps; a click gives series, model, temperature and index; a drawn region its box plot and q.

Products are laid out for it once (:func:`prepare`), so that a click reads the bytes of one pixel, and a map as many
pixels as the screen has.
"""

from qtp_toolkit.interactive.board.build import dashboard, lay_out, serve
from qtp_toolkit.interactive.board.prepare import prepare

__all__ = ["dashboard", "lay_out", "prepare", "serve"]
