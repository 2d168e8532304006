"""The gallery: every figure of the paper beside ours, with what agrees and what differs in numbers of the run."""

from __future__ import annotations

from pathlib import Path

from qtp_toolkit._atomic import replacing
from qtp_toolkit.report._figures import FIGURES
from qtp_toolkit.report._images import shrink
from qtp_toolkit.report._paper import beside_paper, found_in

_HEAD = """# Gallery

The figures of Chen et al. (2022), as the notebooks draw them: each is written as PNG and as PDF, 84 or 174 mm wide,
into `figures` of the output folder. This page is made by `qtp reproduce`; its numbers are those of one run.
A number *agrees* within half of the paper's (R2 within 0.1, an area within a tenth), a tendency where it has the
paper's direction.
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
        The run is that of the embedded scene, which was made by the rules of the paper: what agrees and differs is
        said, in numbers of the run; else only what the paper shows.

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
            lines += [*_held(folder, name), f"- **Made up:** {figure.made}"] if synthetic else []
            parts.append("\n".join([*lines, ""]))
        (stage / "index.md").write_text("\n".join(parts), encoding="utf-8")
    return target / "index.md"


def _held(folder: Path, figure: str) -> list[str]:
    """Lines of what agrees and what differs, with the numbers of the run and those of the paper."""
    lines: dict[bool | None, list[str]] = {True: [], False: [], None: []}
    for row, found in found_in(folder, figure):
        beside = "" if found.agrees is None else f" (paper: {row.paper})"
        lines[found.agrees].append(f"{row.what}: {found.text}{beside}")
    words = {True: "Agrees", False: "Differs", None: "Beyond the paper"}
    return [f"- **{words[agrees]}:** {'; '.join(said)}." for agrees, said in lines.items() if said]


def _table(folder: Path) -> str:
    rows = [["", "paper", "where", "this run"], ["---"] * 4, *beside_paper(folder)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows) + "\n"
