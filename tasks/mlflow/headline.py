"""What a pipeline's own MLflow run shows: the headline figures, and what came out in three lines.

The names are the same in every run, so runs compare in MLflow's table and charts as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from spikeseg_core.evaluation.accounting import SCORES
from spikeseg_core.report.document import SCORE_TITLES, SYNTHETIC

Summary = Mapping[str, Any]
"""What a pipeline concludes with, see :func:`spikeseg_core.report.run.summarize`."""

CHIP: dict[str, object] = {
    "family": "loihi",
    "variant": "",
    "presentation": "deployed",
    "host": False,
}
CHIP_WITH_HOST: dict[str, object] = CHIP | {"host": True}
CPU: dict[str, object] = {"family": "cpu", "variant": "", "precision": "int8"}
"""The three devices of the headline: the same section in the same tiles, one after the other, as
8-bit integers. Their energies are in total, static and dynamic."""


def headline(summary: Summary) -> dict[str, float]:
    """Return the headline figures by name; those that a run does not have are missing.

    Scores are of the test sections, ``chip`` as deployed; energies are mJ per section, and the
    ratio is the CPU's over the chip's without its host; messages are per time step.
    """
    ann, chip = (summary["stages"].get(tag, {}) for tag in ("ann", "loihi"))
    mapping, energy = summary["mapping"], energies(summary["energy"].get("figures", ()))
    found = {
        **{f"ann/{score}": ann.get(f"test/{score}") for score in SCORES},
        **{f"chip/{score}": chip.get(f"test/{score}") for score in SCORES},
        "rates/mean_hz": chip.get("spikes/mean_rate_hz"),
        "rates/in_range": chip.get("spikes/share_in_range"),
        **{f"energy/{device}_mj": figure["mj_per_section"] for device, figure in energy.items()},
        "mapping/cores": mapping.get("cores"),
        "mapping/chips": mapping.get("chips"),
        "mapping/interchip_messages": mapping["metrics"].get("mapping/interchip_messages_per_step"),
        "presentation/steps": summary["energy"].get("steps"),
        "minutes": sum(summary["minutes"].values()),
    }
    known = {name: float(value) for name, value in found.items() if value is not None}
    return known | dict(_compared(known))


def _compared(known: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    for score in SCORES:
        if {f"chip/{score}", f"ann/{score}"} <= known.keys():
            yield f"change/{score}", known[f"chip/{score}"] - known[f"ann/{score}"]
    if known.get("energy/chip_mj") and "energy/cpu_mj" in known:
        yield "energy/cpu_over_chip", known["energy/cpu_mj"] / known["energy/chip_mj"]


def energies(figures: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Pick the figures of chip, chip with host, and CPU, by their names in the metrics."""
    same: dict[str, object] = {"feed": "tiles", "batch": 1, "component": "total"}
    wanted = {"chip": CHIP, "chip_with_host": CHIP_WITH_HOST, "cpu": CPU}
    found = {}
    for device, fields in wanted.items():
        fitting = [f for f in figures if (fields | same).items() <= f.items()]
        if fitting:
            found[device] = fitting[0]
    return found


def bases(summary: Summary) -> str:
    """How each energy of the headline is known: ``chip modelled, cpu modelled (time measured)``."""
    return ", ".join(
        f"{device.replace('_', ' ')} {figure['basis']}"
        + ("" if figure["time_basis"] == figure["basis"] else f" (time {figure['time_basis']})")
        for device, figure in energies(summary["energy"].get("figures", ())).items()
    )


def note(summary: Summary, name: str) -> str:
    """Describe in three lines what came out, in Markdown; ``name`` says of what."""
    known = headline(summary)
    lines = [_scores_line(known), _mapping_line(known, summary), _energy_line(known, summary)]
    warning = [f"**{SYNTHETIC}**"] if summary["dataset"]["synthetic"] else []
    first, *others = [line for line in lines if line] or ["nothing was scored"]
    return "\n\n".join([*warning, f"**{name}**: {first}", *others])


def _scores_line(known: Mapping[str, float]) -> str:
    if "chip/pixel_accuracy" not in known or "ann/pixel_accuracy" not in known:
        return ""
    return "on the test sections, " + "; ".join(
        f"{title} {known[f'chip/{score}']:.4f} on the chip, {known[f'ann/{score}']:.4f} as an ANN "
        f"({known[f'change/{score}']:+.4f})"
        for title, score in (("pixel accuracy", "pixel_accuracy"), ("V_Rand", "v_rand"))
        if f"change/{score}" in known
    )


def _mapping_line(known: Mapping[str, float], summary: Summary) -> str:
    parts = []
    if neurons := summary["mapping"].get("neurons_on_chip"):
        parts.append(f"{neurons:,.0f} neurons")
    for name, word in (("cores", "core"), ("chips", "chip")):
        if (count := known.get(f"mapping/{name}")) is not None:
            parts.append(f"{count:,.0f} {word}{'' if count == 1 else 's'}")
    if (messages := known.get("mapping/interchip_messages")) is not None:
        parts.append(f"{messages:,.0f} messages between chips a step")
    if "rates/mean_hz" in known:
        parts.append(f"{known['rates/mean_hz']:.1f} Hz on average")
    if "rates/in_range" in known:
        parts.append(f"{known['rates/in_range']:.1%} of the neurons in the target range")
    return "Chip: " + ", ".join(parts) if parts else ""


def _energy_line(known: Mapping[str, float], summary: Summary) -> str:
    parts = [
        f"{title} {known[name]:.3g} mJ"
        for title, name in (
            ("chip", "energy/chip_mj"),
            ("chip with its host", "energy/chip_with_host_mj"),
            ("CPU, int8", "energy/cpu_mj"),
        )
        if name in known
    ]
    if not parts:
        return ""
    if "energy/cpu_over_chip" in known:
        parts.append(f"CPU over chip {known['energy/cpu_over_chip']:.3g}")
    steps = known.get("presentation/steps")
    shown = f", {steps:.0f} steps a tile" if steps else ""
    return f"Energy per section{shown}: {', '.join(parts)} ({bases(summary)})"


def scores_table(summary: Summary) -> str:
    """Tabulate the scores of ANN and chip on the test sections, in Markdown."""
    known = headline(summary)
    rows = [
        f"| {SCORE_TITLES[score]} | {known[f'ann/{score}']:.4f} | {known[f'chip/{score}']:.4f} "
        f"| {known[f'change/{score}']:+.4f} |"
        for score in SCORES
        if f"change/{score}" in known
    ]
    return "\n".join(["| test sections | ANN | chip | change |", "|---|---|---|---|", *rows])
