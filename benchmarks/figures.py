"""The results: which of them has a target, and how those of two runs compare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: How many times as fast as cinder 29.0.0, in one run on the same work: (work, plugins, pools) -> at least.
TIMES: Mapping[tuple[str, str, int], float] = {
    ("decision", "default", 1_000): 200,
    ("decision", "default", 10_000): 1_000,
    ("decision", "full", 1_000): 1_000,
    ("decision", "full", 10_000): 3_000,
    ("flow", "default", 1_000): 15,
    ("flow", "default", 10_000): 120,
    ("durable-flow", "default", 1_000): 5,
    ("durable-flow", "default", 10_000): 50,
}
#: The fleet for which the targets of memory and reports are.
USUAL = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of a run. `target` is the least or the most that it should be, as `more_is_better` has it."""

    name: str
    value: float
    more_is_better: bool = False
    target: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        if self.target is None:
            return None
        return self.value >= self.target if self.more_is_better else self.value <= self.target

    def worse_than(self, before: Figure) -> float:
        """How much worse it is, as a factor; 1 and less: it is not."""
        value, was = (before.value, self.value) if self.more_is_better else (self.value, before.value)
        return value / was if was else float(value > 0) + 1


def figures_of(results: Mapping[str, Any]) -> list[Figure]:
    """The figures in the results of a run, as far as it has them."""
    found = [*_against_cinder(results.get("against_cinder", ()))]
    found += _growth(results.get("growth", {}))
    found += _reports(results.get("reports", ()))
    found += _startup(results.get("startup", ()))
    return found


def _against_cinder(rows: Sequence[Mapping[str, Any]]) -> Iterator[Figure]:
    for row in rows:
        work, plugins, pools = row["work"], row["plugins"], row["pools"]
        name = f"{work}, {plugins} plugins, {pools} pools"
        target = TIMES.get((work, plugins, pools))
        yield Figure(name=f"{name}: times as fast", value=row["ratio"], more_is_better=True, target=target)
        differing = float(row.get("differing_choices", 0 if row["same_choice"] else 1))
        yield Figure(name=f"{name}: other choices", value=differing, target=0)


def _growth(growth: Mapping[str, Any]) -> Iterator[Figure]:
    for row in growth.get("pools", ()):
        pools, usual = row["pools"], row["pools"] == USUAL
        yield Figure(name=f"decision, {pools} pools: times plain NumPy", value=row["times_numpy"])
        yield Figure(name=f"report of 10 pools among {pools}: ms", value=row["report_ms"], target=1 if usual else None)
        yield Figure(name=f"{pools} pools: MB resident", value=row["resident_mb"], target=150 if usual else None)
        yield Figure(name=f"reports among {pools} pools: tables rebuilt", value=row["rebuilt"], target=0)
    for row in growth.get("each_further_pool", ()):
        between = f"from {row['from']} to {row['to']} pools"
        largest = row["to"] == max(each["to"] for each in growth["each_further_pool"])
        yield Figure(
            name=f"decision, {between}: grows by, for each time as many",
            value=row["growth"],
            target=1 if largest else None,
        )
        if row["times_numpy"] is not None:
            yield Figure(
                name=f"each further pool, {between}: times plain NumPy",
                value=row["times_numpy"],
                target=5 if largest else None,
            )
    for row in growth.get("restart", ()):
        yield Figure(name=f"restart with {row['pools']} pools: s to the first decision", value=row["first_decision_s"])
        yield Figure(name=f"restart with {row['pools']} pools: MB resident", value=row["resident_mb"], target=150)


def _reports(rows: Sequence[Mapping[str, Any]]) -> Iterator[Figure]:
    for row in rows:
        name = f"report of {row['pools']} pools, {row['database']}"
        yield Figure(name=f"{name}: transactions", value=row["transactions"], target=1)
        yield Figure(name=f"{name}: statements", value=row["statements"])
        yield Figure(name=f"{name}: ms", value=row["ms"])


def _startup(rows: Sequence[Mapping[str, Any]]) -> Iterator[Figure]:
    for row in rows:
        target = 400 if row["command"] == "volsched --help" else None
        yield Figure(name=f"{row['command']}: ms, the fastest run", value=row["wall_min_ms"], target=target)


def verdicts(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each figure that has a target."""
    return [
        {
            "figure": figure.name,
            "target": f"{'at least' if figure.more_is_better else 'at most'} {figure.target:,g}",
            "measured": f"{figure.value:,g}",
            "": "met" if figure.met else "MISSED",
        }
        for figure in figures_of(results)
        if figure.target is not None
    ]


def compared(old: Mapping[str, Any], new: Mapping[str, Any], tolerance: float) -> list[dict[str, Any]]:
    """A row for each figure that both runs have. WORSE: by more than the tolerance, where 0.25 is a quarter."""
    before = {figure.name: figure for figure in figures_of(old)}
    rows = []
    for figure in figures_of(new):
        was = before.get(figure.name)
        if was is None:
            continue
        factor = figure.worse_than(was)
        word = "WORSE" if factor > 1 + tolerance else "better" if factor < 1 / (1 + tolerance) else "as before"
        rows.append({"figure": figure.name, "before": f"{was.value:,g}", "now": f"{figure.value:,g}", "": word})
    return rows
