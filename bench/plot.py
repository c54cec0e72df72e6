"""The results as a picture: one panel a scenario, one bar a contender, the first of them in colour, a dot a run."""

from __future__ import annotations

from pathlib import Path

import matplotlib
from matplotlib import pyplot

from bench.measurement import Results

OURS, OTHERS = "#2f6f8f", "#a8a8a0"
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
        measured = [name for name in contenders if results.median(name, scenario)]
        for position, contender in enumerate(measured):
            median = results.median(contender, scenario)
            assert median is not None
            color = OURS if contender == contenders[0] else OTHERS
            panel.barh(position, median.value(scenario.metric), color=color, height=0.6)
            runs = [run.value(scenario.metric) for run in results.runs[contender, scenario.name]]
            panel.plot(runs, [position] * len(runs), ".", color="black", markersize=4, alpha=0.6)
        panel.set_title(scenario.name, fontsize=9)
        panel.set_xlabel(scenario.metric.value, fontsize=8)
        panel.set_yticks(range(len(measured)), measured, fontsize=8)
        panel.invert_yaxis()
        panel.tick_params(axis="x", labelsize=7)
        panel.spines[["top", "right"]].set_visible(False)
        panel.set_xlim(left=0)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    pyplot.close(figure)
