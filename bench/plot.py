"""The results as a picture: one panel a scenario, one bar a contender, a dot a run."""

from __future__ import annotations

from pathlib import Path

import matplotlib
from matplotlib import pyplot

from bench.measurement import Results

COLORS = ("#2f6f8f", "#c9a227", "#8f4b2f", "#5b8f2f", "#6b4c9a")
PANELS_A_ROW = 3


def write_plot(path: Path, results: Results, contenders: list[str]) -> None:
    """An SVG file. Scenarios that nobody ran are left out."""
    matplotlib.use("svg")
    shown = [scenario for scenario in results.scenarios if any(results.median(name, scenario) for name in contenders)]
    if not shown:
        return
    rows = -(-len(shown) // PANELS_A_ROW)
    figure, axes = pyplot.subplots(rows, PANELS_A_ROW, figsize=(4 * PANELS_A_ROW, 3 * rows), squeeze=False)
    for panel in axes.flat[len(shown) :]:
        panel.axis("off")
    for panel, scenario in zip(axes.flat, shown, strict=False):
        for position, contender in enumerate(contenders):
            median = results.median(contender, scenario)
            if median is None:
                continue
            panel.bar(position, median.value(scenario.metric), color=COLORS[position % len(COLORS)], width=0.6)
            runs = [run.value(scenario.metric) for run in results.runs[contender, scenario.name]]
            panel.plot([position] * len(runs), runs, ".", color="black", markersize=4, alpha=0.6)
        panel.set_title(scenario.name, fontsize=9)
        panel.set_ylabel(scenario.metric.value, fontsize=8)
        panel.set_xticks(range(len(contenders)), contenders, fontsize=8)
        panel.tick_params(axis="y", labelsize=7)
        panel.spines[["top", "right"]].set_visible(False)
        panel.set_ylim(bottom=0)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    pyplot.close(figure)
