"""The figures as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def draw(found: dict[str, Any], path: Path) -> Path:
    """Write it; gives the path."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = [name for name in ("twostep", "stock") if name in found]
    colors = {"twostep": "#1f6f8b", "stock": "#c05a3c"}
    figure, axes = pyplot.subplots(2, 3, figsize=(12, 6.5), layout="constrained")
    kinds = (("questions", "questions"), ("turns with an action", "action"))
    for axis, (title, kind) in zip(axes[0][:2], kinds, strict=True):
        clients = list(found["twostep"][kind])
        for offset, name in enumerate(names):
            places = [place + 0.4 * offset for place in range(len(clients))]
            medians = [found[name][kind][number]["median_ms"] for number in clients]
            slowest = [found[name][kind][number]["p99_ms"] for number in clients]
            axis.bar(places, slowest, 0.38, color=colors[name], alpha=0.35)
            bars = axis.bar(places, medians, 0.38, color=colors[name], label=name)
            axis.bar_label(bars, [f"{median:.0f}" for median in medians], fontsize=8)
        axis.set_xticks([place + 0.2 * (len(names) - 1) for place in range(len(clients))], clients)
        axis.set(title=f"{title}: median and p99", xlabel="clients", ylabel="ms", yscale="log")
        axis.legend()
    simple = (
        ("messages a second a core", None), ("memory, MB", "memory_mb"), ("cold start, s", "cold_start_s"),
        ("install size, MB", "size_mb"),
    )
    for axis, (title, key) in zip([axes[0][2], *axes[1]], simple, strict=True):
        if key is None:
            for offset, name in enumerate(names):
                values = [found[name][kind]["1"]["per_core"] for kind in ("questions", "action")]
                bars = axis.bar([place + 0.4 * offset for place in (0, 1)], values, 0.38, color=colors[name])
                axis.bar_label(bars, [f"{value:.0f}" for value in values], fontsize=8)
            axis.set_xticks([0.2 * (len(names) - 1), 1 + 0.2 * (len(names) - 1)], ["questions", "action"])
        else:
            values = [found[name][key] for name in names]
            bars = axis.bar(names, values, 0.5, color=[colors[name] for name in names])
            axis.bar_label(bars, [f"{value:.1f}" if value < 100 else f"{value:.0f}" for value in values], fontsize=8)
        axis.set_title(title)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return path
