"""The report as charts: SVG made by matplotlib, readable by screen readers, in light and dark.

matplotlib writes inline style attributes, which our pages' policy forbids: a chart is therefore a file of its own
with its own policy, and pages show it with `<img>`. Its colours become CSS variables, so that it follows the reader's
scheme.
"""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any, Literal

from bot.insights.figures import Report, Tally
from bot.insights.model import Outcome
from bot.insights.tables import CHANNELS, OUTCOMES, REASONS, as_json

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CHART_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""The Content-Security-Policy of a chart: styles inside it, nothing else, no script."""

TEXT, LINE = "#17292e", "#c9d7d9"
COLOURS = {
    Outcome.CONFIRMED_RESOLVED: "#1d6138", Outcome.ASSUMED_RESOLVED: "#74b58c", Outcome.REFERRED: "#6f86b3",
    Outcome.FORM_SUBMITTED: "#a1261b", Outcome.ROUTED_TO_FORM: "#d97b2b", Outcome.ERROR: "#7a1f5c",
    Outcome.UNANSWERED: "#bf9b1c", Outcome.ABANDONED: "#97a5a9",
}
ACCENT = "#0b5c6b"
_DARK = {
    TEXT: "#e8f0f1", LINE: "#31464b", ACCENT: "#7fd0dc", "#1d6138": "#98dcb0", "#74b58c": "#3f8f60",
    "#6f86b3": "#9db3e0", "#a1261b": "#ff8f82", "#d97b2b": "#f0a868", "#7a1f5c": "#d98cc0", "#bf9b1c": "#e3c55a",
    "#97a5a9": "#7f979d",
}
_MOST_ROWS = 14
KEPT = 64  # charts, some 15 KiB each: a page that is looked at again, or by a colleague, is not drawn again
_drawn: dict[str, str] = {}
_drawing = threading.Lock()  # matplotlib's settings belong to the whole process, and so do the charts that are kept

Draw = Callable[["Axes", Report], None]


def _load() -> None:
    import matplotlib.backends.backend_svg
    import matplotlib.figure  # noqa: F401


@cache
def load_ahead() -> None:
    """Begin to import, in a thread, what drawing needs: seconds of CPU on a busy machine, once in a process."""
    threading.Thread(target=_load, daemon=True).start()


def chart(name: str, report: Report) -> str:
    """A chart as SVG. CPU work of about a tenth of a second, done once for the same figures: call it in a thread.

    Raises:
        KeyError: there is no chart of this name.
    """
    title, _, draw = CHARTS[name]
    key = f"{name} {json.dumps(as_json(report), sort_keys=True)} {report.names}"
    with _drawing:
        if key not in _drawn:
            while len(_drawn) >= KEPT:
                del _drawn[next(iter(_drawn))]
            _drawn[key] = _finish(_draw(name, draw, report), title, about(name, report))
        return _drawn[key]


def _draw(name: str, draw: Draw, report: Report) -> str:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    rows = max(len(report.topics), 1)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "text.color": TEXT, "font.size": 10}):
        # Inches; a chart that shares its row with another is smaller, so that its words come out equally large.
        size = (8.0, 1.8 + 0.32 * min(rows, _MOST_ROWS)) if name == "topics" else (6.4, 3.6)
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.add_subplot()
        axes.set_facecolor("none")
        axes.tick_params(colors=TEXT, length=0)
        for side, spine in axes.spines.items():
            spine.set_visible(side in ("bottom", "left"))
            spine.set_color(LINE)
        draw(axes, report)
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return out.getvalue()


def _finish(svg: str, title: str, description: str) -> str:
    names = {colour: f"--c{number}" for number, colour in enumerate(_DARK)}
    light = "".join(f"{names[colour]}:{colour};" for colour in _DARK)
    dark = "".join(f"{names[colour]}:{other};" for colour, other in _DARK.items())
    for colour, variable in names.items():
        svg = svg.replace(colour, f"var({variable})")
    svg = re.sub(r"font: ([\d.]+)px [^;\"]+", r"font: \1px system-ui, sans-serif", svg)
    svg = svg[svg.index("<svg"):]
    opening = svg.index(">")
    head = (
        f'{svg[:opening]} role="img" aria-labelledby="title description">'
        f'<title id="title">{escape(title)}</title><desc id="description">{escape(description)}</desc>'
        f"<style>svg{{{light}}}@media (prefers-color-scheme: dark){{svg{{{dark}}}}}</style>"
    )
    return head + svg[opening + 1:]


def _shown(tally: Tally, outcome: Outcome) -> int:
    count = tally.shown(outcome)
    return count if isinstance(count, int) else 0


def _percent(value: float | None) -> float:
    return float("nan") if value is None else 100 * value


def _rule(axes: Axes, axis: Literal["x", "y"]) -> None:
    """Faint lines behind the bars, to read their length by."""
    axes.grid(axis=axis, color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)


def _legend(axes: Axes, columns: int) -> None:
    legend = axes.figure.legend(loc="outside upper left", ncols=columns, frameon=False)
    for text in legend.get_texts():
        text.set_color(TEXT)


def _stack(
    axes: Axes, names: Sequence[str], groups: Sequence[Tally], outcomes: Sequence[Outcome], *, across: bool
) -> None:
    base = [0.0] * len(names)
    for outcome in outcomes:
        counts = [float(_shown(tally, outcome)) for tally in groups]
        bar: dict[str, Any] = {"color": COLOURS[outcome], "label": OUTCOMES[outcome]}
        if across:
            axes.barh(range(len(names)), counts, left=base, height=0.7, **bar)
        else:
            axes.bar(range(len(names)), counts, bottom=base, width=0.75, **bar)
        base = [a + b for a, b in zip(base, counts, strict=True)]
    _rule(axes, "x" if across else "y")
    if across:
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.set_xlabel("episodes", color=TEXT)
    else:
        _period_ticks(axes, names)
        axes.set_ylabel("episodes", color=TEXT)
    _legend(axes, 3)


def _period_ticks(axes: Axes, names: Sequence[str]) -> None:
    step = max(1, -(-len(names) // 6))
    places = range(0, len(names), step)
    axes.set_xticks(list(places), [names[place] for place in places])


def _outcomes(axes: Axes, report: Report) -> None:
    _stack(axes, list(report.periods), list(report.periods.values()), list(OUTCOMES), across=False)


def _deflection(axes: Axes, report: Report) -> None:
    names, groups = list(report.periods), list(report.periods.values())
    # One part alone would look like the whole: without both there is no bar.
    parts = [(t.confirmed or 0.0, t.assumed or 0.0) if t.deflection is not None else (0.0, 0.0) for t in groups]
    confirmed, assumed = [100 * part for part, _ in parts], [100 * part for _, part in parts]
    first, second = Outcome.CONFIRMED_RESOLVED, Outcome.ASSUMED_RESOLVED
    axes.bar(range(len(names)), confirmed, width=0.75, color=COLOURS[first], label=OUTCOMES[first])
    axes.bar(range(len(names)), assumed, width=0.75, bottom=confirmed, color=COLOURS[second], label=OUTCOMES[second])
    _period_ticks(axes, names)
    _rule(axes, "y")
    axes.set_ylim(0, 100)
    axes.set_ylabel("% of episodes", color=TEXT)
    _legend(axes, 2)


def _rates(axes: Axes, report: Report) -> None:
    names, groups = list(report.periods), list(report.periods.values())
    lines: list[tuple[str, str, str, list[float]]] = [
        ("Helpfulness (of thumbs)", "#1d6138", "o-", [_percent(t.helpfulness) for t in groups]),
        ("Escalation (of episodes)", "#a1261b", "s--", [_percent(t.escalation) for t in groups]),
        ("Fallback rate (of questions)", ACCENT, "^:", [_percent(t.fallback_rate) for t in groups]),
    ]
    for label, colour, style, values in lines:
        axes.plot(range(len(names)), values, style, color=colour, label=label, linewidth=2, markersize=6)
    _period_ticks(axes, names)
    _rule(axes, "y")
    axes.set_ylim(0, 105)
    axes.set_ylabel("%", color=TEXT)
    _legend(axes, 2)


def _reasons(axes: Axes, report: Report) -> None:
    from matplotlib.ticker import MaxNLocator

    counts = [report.total.shown_reason(reason) for reason in REASONS]
    shown = [count if isinstance(count, int) else 0 for count in counts]
    bars = axes.barh(range(len(shown)), shown, height=0.6, color=COLOURS[Outcome.ROUTED_TO_FORM])
    axes.bar_label(bars, ["–" if count is None else str(count) for count in counts], padding=4, color=TEXT)
    axes.set_yticks(range(len(shown)), list(REASONS.values()))
    axes.invert_yaxis()
    axes.set_xlabel("episodes", color=TEXT)
    _rule(axes, "x")
    axes.set_xlim(0, 1.1 * max(1, *shown))  # where every count is hidden there is no bar to find the axis by
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))


def _channels(axes: Axes, report: Report) -> None:
    groups = report.channels
    _stack(axes, [CHANNELS.get(name, name) for name in groups], list(groups.values()), list(OUTCOMES), across=True)


def _topics(axes: Axes, report: Report) -> None:
    groups = dict(list(report.topics.items())[:_MOST_ROWS])
    _stack(axes, [report.topic_name(name) for name in groups], list(groups.values()), list(OUTCOMES), across=True)


def _all(report: Report) -> int | str:
    shown = report.total.shown_episodes
    return "some" if shown is None else shown


def about(name: str, report: Report) -> str:
    """What a chart shows, in words."""
    return (
        f"{CHARTS[name][1]}, {report.since} to {report.until}, {_all(report)} episodes. "
        "What the table does not show is left out. The figures are in the table beside it."
    )


CHARTS: Mapping[str, tuple[str, str, Draw]] = {
    "deflection": ("Deflection in its two parts", "Confirmed and assumed resolved episodes in %", _deflection),
    "outcomes": ("Episodes by outcome", "Episodes by outcome", _outcomes),
    "rates": ("Helpfulness, escalation, fallback", "Helpfulness, escalation and fallback rate in percent", _rates),
    "reasons": ("Escalations by reason", "Escalated episodes by reason", _reasons),
    "channels": ("Outcomes by channel", "Outcomes by channel", _channels),
    "topics": ("Outcomes by topic", "Outcomes by topic, the most frequent ones", _topics),
}
"""Name in the address -> title, what is drawn, drawing."""
