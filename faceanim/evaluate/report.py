"""A page of an evaluation: plain HTML with tables and pictures beside it, that opens anywhere."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from ..core.files import output_error, replacing  # noqa: E402  (after the choice of a backend that needs no screen)

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px }
th, td { padding: .15rem .7rem; text-align: right; border-bottom: 1px solid #e4e4e4 }
th { font-weight: 600; color: #555 } td:first-child, th:first-child { text-align: left }
img { max-width: 100%; display: block; margin: .6rem 0 } p.note { color: #666; max-width: 50rem }
"""


class Page:
    """Gathers what stands on the page; `write` puts it and its pictures into the folder."""

    def __init__(self, title: str, folder: Path):
        self.title, self.folder = title, Path(folder)
        self.parts: list[str] = []
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(self.folder, error) from error

    def heading(self, text: str, note: str = "") -> None:
        self.parts.append(f"<h2>{html.escape(text)}</h2>")
        if note:
            self.note(note)

    def note(self, text: str) -> None:
        self.parts.append(f'<p class="note">{html.escape(text)}</p>')

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        lines = ["".join(f"<th>{html.escape(h)}</th>" for h in head)]
        lines += ["".join(f"<td>{html.escape(c)}</td>" for c in row) for row in rows]
        self.parts.append("<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>")

    def picture(self, name: str, figure: matplotlib.figure.Figure, what: str) -> None:
        """Saves a figure as NAME.png and closes it. what: the picture in words, for who cannot see it."""
        from matplotlib import pyplot

        with replacing(self.folder / f"{name}.png") as temporary:
            figure.savefig(temporary, dpi=100, metadata={"Software": None})
        pyplot.close(figure)
        self.parts.append(f'<img src="{name}.png" alt="{html.escape(what, quote=True)}">')

    def write(self) -> Path:
        """index.html; raises OutputError."""
        title = html.escape(self.title)
        with replacing(self.folder / "index.html") as temporary:
            temporary.write_text(
                f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>'
                f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>\n<h1>{title}</h1>\n'
                + "\n".join(self.parts) + "\n</html>\n",
                "utf-8",
            )  # fmt: skip
        return self.folder / "index.html"
