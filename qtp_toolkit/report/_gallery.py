"""The gallery: every figure of the paper beside ours, with what agrees and what differs."""

from __future__ import annotations

from pathlib import Path

from qtp_toolkit._atomic import replacing
from qtp_toolkit.report._figures import FIGURES
from qtp_toolkit.report._images import shrink
from qtp_toolkit.report._paper import beside_paper

_HEAD = """# Gallery

The figures of Chen et al. (2022), as the notebooks draw them: each is written as PNG and as PDF, 84 or 174 mm wide,
into `figures` of the output folder. This page is made by `qtp reproduce`; its numbers are those of one run.
"""
_SYNTHETIC = """**The data are a synthetic scene.** It was made by the rules that the paper finds: what agrees
shows that the toolkit finds what was put in, not what the plateau does.
"""


def gallery(folder: Path, target: Path | None = None, *, synthetic: bool = True) -> Path:
    """Write the gallery of a finished run: one page in Markdown, and small images beside it.

    Parameters
    ----------
    folder : pathlib.Path
        Output folder of the run.
    target : pathlib.Path, optional
        Folder that is made anew; by default ``<folder>/gallery``.
    synthetic : bool
        The run is that of the embedded scene, for which it is known what agrees and differs; else only what the paper
        shows is said.

    Returns
    -------
    pathlib.Path
        The page. Figures that the run did not make are listed without a picture.
    """
    target = target or folder / "gallery"
    with replacing(target) as stage:
        stage.mkdir(parents=True)
        parts = [_HEAD, *([_SYNTHETIC] if synthetic else []), _table(folder)]
        for name, figure in FIGURES.items():
            path = folder / "figures" / f"{name}.png"
            parts.append(f"## {figure.title}\n")
            if path.is_file():
                (stage / f"{name}.webp").write_bytes(shrink(path))
                parts.append(f"![{figure.title}]({name}.webp)\n")
            else:
                parts.append("This run did not make it.\n")
            lines = [figure.caption, "", f"- **Paper:** {figure.paper}"]
            if synthetic:
                lines += [f"- **Agrees:** {figure.agrees}", f"- **Differs:** {figure.differs}"]
            parts.append("\n".join([*lines, ""]))
        (stage / "index.md").write_text("\n".join(parts), encoding="utf-8")
    return target / "index.md"


def _table(folder: Path) -> str:
    rows = [["", "paper", "where", "this run"], ["---"] * 4, *beside_paper(folder)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows) + "\n"
