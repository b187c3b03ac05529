"""Figures of matplotlib as SVG elements that stand in a page: equal figures give equal texts."""

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from xml.etree import ElementTree

import matplotlib as mpl
from markupsafe import Markup
from matplotlib import style
from matplotlib.figure import Figure

_SVG: Final = "http://www.w3.org/2000/svg"
_XLINK: Final = "http://www.w3.org/1999/xlink"
_SETTINGS: Final[Any] = {
    "svg.fonttype": "none",  # text stays text: it can be read aloud, searched and copied
    "svg.hashsalt": "apelschema",
    "font.family": "sans-serif",
    "font.size": 9.5,
    "axes.titlesize": "medium",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8a8f98",
    "axes.axisbelow": True,
    "text.parse_math": False,  # a name with two dollars is no formula
}
_METADATA: Final = dict.fromkeys(("Date", "Creator", "Format", "Type"))


@contextmanager
def drawing() -> Iterator[None]:
    """The same look everywhere, whatever settings this user keeps; no word about fonts that lack a character."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    with style.context("default", after_reset=True), mpl.rc_context(_SETTINGS), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def as_element(figure: Figure, name: str, alt: str) -> Markup:
    """The figure as an element with a text for those who do not see it; ``name`` keeps its ids apart from others'.

    To be called within ``drawing``.
    """
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata=_METADATA)
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    root = ElementTree.fromstring(file.getvalue())
    for each in root.findall(f"{{{_SVG}}}metadata"):
        root.remove(each)
    for each in root.iter():
        _rename(each, name)
    for size in ("width", "height"):  # the page decides; the view box keeps the proportions
        del root.attrib[size]
    root.attrib |= {"role": "img", "aria-label": alt}
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _rename(element: ElementTree.Element, name: str) -> None:
    for attribute, value in element.attrib.items():
        if attribute == "id":
            element.set(attribute, f"{name}-{value}")
        elif attribute == f"{{{_XLINK}}}href":
            element.set(attribute, value.replace("#", f"#{name}-", 1))
        elif value.startswith("url(#"):
            element.set(attribute, value.replace("url(#", f"url(#{name}-", 1))
