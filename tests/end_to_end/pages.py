"""What a reader sees of a report: cells, sentences and figure texts, taken from the page itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

NUMBER = re.compile(r"(?<![\w.])[-−]?\d+(?:\.\d+)?(?![\w.]*\d)")
_VOID = frozenset({"meta", "br", "link", "img", "input", "hr"})


def numbers(text: str) -> list[str]:
    """The number tokens of a text: "0.71 to 1.45" has two."""
    return NUMBER.findall(text)


@dataclass(slots=True)
class Block:
    """One analysis on the page (or the appendix): its heading and what stands under it."""

    heading: str = ""
    sentences: list[str] = field(default_factory=list)
    tables: list[list[list[str]]] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)
    figure_texts: list[str] = field(default_factory=list)
    ticks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Page(HTMLParser):
    """A report, parsed: ``blocks`` by section, ``header`` as text, ``tags`` with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.blocks: list[Block] = []
        self.header = ""
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.visible: list[str] = []
        self._open: list[tuple[str, dict[str, str]]] = []
        self._text = ""
        self.feed(html)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        if tag in _VOID:
            return
        self._open.append((tag, given))
        if tag == "section":
            self.blocks.append(Block())
        elif tag == "table":
            self.blocks[-1].tables.append([])
        elif tag == "tr":
            self.blocks[-1].tables[-1].append([])
        if tag in ("th", "td", "h2", "p", "li", "caption", "text"):
            self._text = ""

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        inside = [tag for tag, _ in self._open]
        if "style" in inside or "metadata" in inside or "defs" in inside or not data.strip():
            return
        self.visible.append(data)
        self._text += data
        if "header" in inside:
            self.header += data

    def handle_endtag(self, tag: str) -> None:
        opened, attrs = self._open.pop()
        assert opened == tag, (opened, tag)
        text = " ".join(self._text.split())
        if not self.blocks:
            return
        block = self.blocks[-1]
        if tag in ("th", "td"):
            block.tables[-1][-1].append(text)
        elif tag == "caption":
            block.captions.append(text)
        elif tag == "h2":
            block.heading = text
        elif tag == "p" and attrs.get("class") == "sentence":
            block.sentences.append(text)
        elif tag == "li":
            block.notes.append(text)
        elif tag == "text":
            axis = any(given.get("id", "").startswith(("xtick", "ytick")) for _, given in self._open)
            (block.ticks if axis else block.figure_texts).append(text)
