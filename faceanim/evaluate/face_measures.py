"""How well faces were read: correlations, errors, what turns of the head do to them, jitter and lag."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.channels import ARKIT

if TYPE_CHECKING:
    from .faces import Predictions, Truth

BANDS = {"to 20": (0.0, 20.0), "20 to 35": (20.0, 35.0), "over 35": (35.0, 180.0)}
"""Degrees of yaw."""
GAZE = ("left_yaw", "left_pitch", "right_yaw", "right_pitch")
OPEN = 0.3
"""The gaze is compared where the lids are less shut."""
ACTIVE = 0.2
"""A coefficient of an expression that is at least this strong is active."""
ALIKE, MANY = 1e-3, 3
"""Pictures whose weights differ by less show one expression; so many of a person in several poses are a sweep."""
QUIET_S, QUIET = 0.4, 0.2
"""Of a video without truth, the share of its windows of this length that move least shows the jitter at rest."""
FAST_S, LATEST_S = 0.6, 0.25
"""Blinks that last no longer; how far their lag is looked for."""


def report(found: Predictions, truth: Truth | None) -> dict[str, Any]:
    """`n`, `detected`; with truth: `r` (mean over the ARKit channels that move), `r_by_yaw`, `r_by_channel`,
    `amplitude` (how far the answers go, of how far the truth does), `error` (mean absolute) and `error_by_channel`,
    `pose_error` and `pose_median` (degrees), `gaze`, `gaze_leak`, `spread` of one expression over poses, `nods` of a
    head that opens its mouth, `mediapipe` (the same of its own coefficients); of a video `jitter` at rest and
    `blink_lag_s`."""
    out: dict[str, Any] = {"what": "faces", "n": len(found.detected), "detected": int(found.detected.sum())}
    if truth is not None:
        columns = {name: found.coefficients[:, c] for c, name in enumerate(found.channels)}
        out |= compare(columns, truth, found.detected)
        out |= head(found, truth) | eyes(found, truth) | {"nods": nods(found, truth)}
        if found.mediapipe is not None:
            theirs = dict(zip(ARKIT, found.mediapipe.T, strict=True))
            out["mediapipe"] = compare(theirs, truth, found.detected)
    if found.times is not None and found.detected.sum() > 2 and np.median(np.diff(found.times)) < 0.2:
        out |= in_time(found, truth)
    return rounded(out)


def compare(columns: Mapping[str, np.ndarray], truth: Truth, detected: np.ndarray) -> dict[str, Any]:
    """Of coefficients by name (N,), where a face was found."""
    names = [name for name in truth.channels if name in columns]
    yaw = np.abs(truth.pose[:, 0])

    def r(rows: np.ndarray) -> dict[str, float]:
        each = {}
        for name in names:
            true = truth.values[rows, truth.channels.index(name)]
            if len(true) > 2 and np.ptp(true) > 1e-6:
                each[name] = correlation(columns[name][rows], true)
        return each

    each = r(detected)
    moved = {n: columns[n][detected].std() / truth.values[detected, truth.channels.index(n)].std() for n in each}
    error = {n: float(np.abs(columns[n] - truth.values[:, truth.channels.index(n)])[detected].mean()) for n in names}
    return {
        "r": mean(each),
        "r_by_yaw": {name: mean(r(detected & (yaw >= low) & (yaw < high))) for name, (low, high) in BANDS.items()},
        "n_by_yaw": {n: int((detected & (yaw >= low) & (yaw < high)).sum()) for n, (low, high) in BANDS.items()},
        "r_by_channel": each,
        "amplitude": mean(moved),
        "error": mean(error),
        "error_by_channel": error,
        "spread": spread(columns, truth, detected),
    }


def spread(columns: Mapping[str, np.ndarray], truth: Truth, detected: np.ndarray) -> dict[str, Any] | None:
    """Over the sweeps, pictures of one person and expression in several poses: `mean`, `worst` standard deviation of
    the active coefficients, and `share` of them up to 0.06; None where there are none."""
    names = [name for name in truth.channels if name in columns and not name.startswith("eyeLook")]
    at = [truth.channels.index(name) for name in names]
    person = np.zeros(len(detected)) if truth.identity is None else truth.identity
    keys = np.concatenate([person[:, None], np.round(truth.values[:, at] / ALIKE)], 1)
    _, group = np.unique(keys, axis=0, return_inverse=True)
    group = np.asarray(group).reshape(-1)
    found = []
    for k in np.unique(group):
        rows = (group == k) & detected
        if rows.sum() < MANY or np.ptp(truth.pose[rows, 0]) < 20:
            continue
        for name, c in zip(names, at, strict=True):
            if truth.values[rows, c].mean() >= ACTIVE:
                found.append(float(columns[name][rows].std()))
    if not found:
        return None
    values = np.array(found)
    return {"mean": float(values.mean()), "worst": float(values.max()), "share": float((values <= 0.06).mean())}


def head(found: Predictions, truth: Truth) -> dict[str, Any]:
    """The angle of the rotation between the head's and what was read, and each angle's mean error, in degrees."""
    rows = found.detected
    between = np.einsum("nji,njk->nik", rotations(truth.pose[rows]), rotations(found.pose[rows]))
    cosine = (np.einsum("nii->n", between) - 1) / 2
    angle = np.degrees(np.arccos(cosine.clip(-1, 1)))
    each = np.abs((found.pose - truth.pose)[rows]).mean(0)
    return {
        "pose_error": float(angle.mean()),
        "pose_median": float(np.median(angle)),
        "pose_by_angle": dict(zip(("yaw", "pitch", "roll"), map(float, each), strict=True)),
    }


def nods(found: Predictions, truth: Truth) -> dict[str, float] | None:
    """Over jaw sweeps, pictures of one person in one pose whose jaw opens by half or more: how far the pitch that was
    read goes, degrees, in the `mean` and at `worst`; None where there are none."""
    if "jawOpen" not in truth.channels:
        return None
    person = np.zeros(len(found.detected)) if truth.identity is None else truth.identity
    _, group = np.unique(np.column_stack([person, truth.pose.round(3)]), axis=0, return_inverse=True)
    jaw = truth.values[:, truth.channels.index("jawOpen")]
    ranges = []
    for k in range(group.max() + 1):
        rows = (group.reshape(-1) == k) & found.detected
        if rows.sum() >= MANY and np.ptp(jaw[rows]) >= 0.5:
            ranges.append(float(np.ptp(found.pose[rows, 1])))
    return {"mean": float(np.mean(ranges)), "worst": max(ranges)} if ranges else None


def eyes(found: Predictions, truth: Truth) -> dict[str, Any]:
    """`gaze` {r} and `gaze_error` in degrees of both eyes, and `gaze_leak`: the correlation of the yaw's error with the
    head's yaw; where the lids are open. Without `gaze` in the truth nothing."""
    if truth.gaze is None:
        return {}
    rows = found.detected.copy()
    for side in ("Left", "Right"):
        if f"eyeBlink{side}" in truth.channels:
            rows &= truth.values[:, truth.channels.index(f"eyeBlink{side}")] < OPEN
    if rows.sum() < 3:
        return {}
    told, true = found.gaze[rows], truth.gaze[rows]
    each = {name: correlation(told[:, k], true[:, k]) for k, name in enumerate(GAZE) if np.ptp(true[:, k]) > 0}
    error = (told - true)[:, [0, 2]].mean(1)
    return {
        "gaze": {"r": mean(each), **each},
        "gaze_error": float(np.degrees(np.abs(told - true)).mean()),
        "gaze_leak": abs(correlation(error, truth.pose[rows, 0])),
    }


def in_time(found: Predictions, truth: Truth | None) -> dict[str, Any]:
    """`jitter`: the mean standard deviation of the coefficients while the face rests; `blink_lag_s` against the truth;
    of MediaPipe's own likewise, where they are there."""
    steps = found.times, found.detected
    still = resting(found, truth)
    out: dict[str, Any] = {"jitter": jitter(found.coefficients, *steps, still)}
    names = list(found.channels)
    if found.mediapipe is not None:
        at = [ARKIT.index(name) for name in names]
        out["mediapipe_jitter"] = jitter(found.mediapipe[:, at], *steps, still)
    if truth is not None and "eyeBlinkLeft" in truth.channels:
        true = truth.values[:, truth.channels.index("eyeBlinkLeft")]
        out["blink_lag_s"] = lag(found.coefficients[:, names.index("eyeBlinkLeft")], true, found.times)
        if found.mediapipe is not None:
            out["mediapipe_blink_lag_s"] = lag(found.mediapipe[:, ARKIT.index("eyeBlinkLeft")], true, found.times)
    elif found.mediapipe is not None:
        own, theirs = (a[:, b.index("eyeBlinkLeft")] for a, b in ((found.coefficients, names),
                                                                  (found.mediapipe, list(ARKIT))))  # fmt: skip
        out["blink_lag_to_mediapipe_s"] = lag(own, theirs, found.times)
    return out


def resting(found: Predictions, truth: Truth | None) -> list[np.ndarray]:
    """Windows (row numbers) in which the face does nothing: by the truth, or those in which least moves."""
    step = float(np.median(np.diff(found.times)))
    length = max(4, round(QUIET_S / step))
    windows = [np.arange(k, k + length) for k in range(0, len(found.times) - length + 1, max(1, length // 2))]
    windows = [w for w in windows if found.detected[w].all()]
    if truth is not None:
        return [w for w in windows if np.ptp(truth.values[w], 0).max() < 1e-3 and np.ptp(truth.pose[w], 0).max() < 0.1]
    both = [found.coefficients] if found.mediapipe is None else [found.coefficients, found.mediapipe]
    # slow movement alone, as jitter is what is asked for
    moved = np.array([sum(np.ptp(_halves(a[w]), 0).mean() / a[found.detected].std() for a in both) for w in windows])
    count = max(1, int(QUIET * len(windows)))
    return [windows[k] for k in np.argsort(moved, kind="stable")[:count]] if windows else []


def _halves(values: np.ndarray) -> np.ndarray:
    middle = len(values) // 2
    return np.stack([values[:middle].mean(0), values[middle:].mean(0)])


def jitter(values: np.ndarray, times: np.ndarray, detected: np.ndarray, windows: list[np.ndarray]) -> float | None:
    """Mean over windows and channels of the standard deviation, straight drift taken out."""
    found = []
    for window in windows:
        line = np.vander(times[window] - times[window].mean(), 2)
        rest = values[window] - line @ np.linalg.lstsq(line, values[window], rcond=None)[0]
        found.append(rest.std(0).mean())
    return float(np.mean(found)) if found else None


def lag(told: np.ndarray, true: np.ndarray, times: np.ndarray) -> float | None:
    """Seconds by which `told` comes later than `true`, where they agree best; None where one never moves."""
    step = float(np.median(np.diff(times)))
    known = np.isfinite(told)
    if known.sum() < 10 or np.ptp(true) < OPEN or np.ptp(told[known]) < 1e-3:
        return None
    grid = np.arange(times[0], times[-1], step / 4)
    a, b = np.interp(grid, times[known], told[known]), np.interp(grid, times, true)
    reach = int(LATEST_S / step * 4)
    shifts = np.arange(-reach, reach + 1)
    scores = [correlation(np.roll(a, -s)[reach:-reach], b[reach:-reach]) for s in shifts]
    return float(shifts[int(np.argmax(scores))] * step / 4)


def rotations(degrees: np.ndarray) -> np.ndarray:
    """(N, 3, 3) of yaw, pitch, roll (N, 3): Ry(yaw) Rz(-roll) Rx(pitch), as in core.channels."""
    (cy, cp, cr), (sy, sp, sr) = (f(np.radians(degrees * [1, 1, -1])).T for f in (np.cos, np.sin))
    one, none = np.ones_like(cy), np.zeros_like(cy)

    def rows(*values: np.ndarray) -> np.ndarray:
        return np.stack(values, 1).reshape(-1, 3, 3)

    return (
        rows(cy, none, sy, none, one, none, -sy, none, cy)
        @ rows(cr, -sr, none, sr, cr, none, none, none, one)
        @ rows(one, none, none, none, cp, -sp, none, sp, cp)
    )


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's; 0 where the reading never moves."""
    return float(np.corrcoef(a, b)[0, 1]) if len(a) > 1 and np.ptp(a) > 0 and np.ptp(b) > 0 else 0.0


def mean(values: Mapping[str, float]) -> float | None:
    return float(np.mean(list(values.values()))) if values else None


def rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: rounded(v) for name, v in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """For people to read."""
    yield f"a face found in {report['detected']} of {report['n']}"
    rows = {"faceanim": report} | ({"MediaPipe": report["mediapipe"]} if "mediapipe" in report else {})
    if "r" in report:
        yield f"{'mean r':<12}{'all':>8}" + "".join(f"{band:>10}" for band in BANDS) + f"{'error':>9}{'amplitude':>11}"
        for name, row in rows.items():
            bands = "".join(f"{_cell(row['r_by_yaw'][band]):>10}" for band in BANDS)
            yield f"{name:<12}{_cell(row['r']):>8}{bands}{_cell(row['error']):>9}{_cell(row['amplitude']):>11}"
        yield f"head: {report['pose_error']:.2f} degrees off in the mean, {report['pose_median']:.2f} in the median"
        if "gaze" in report:
            yield (f"gaze: r {_cell(report['gaze']['r'])}, {report['gaze_error']:.1f} degrees off, "
                   f"its error follows the head's yaw by {report['gaze_leak']:.3f}")  # fmt: skip
        if found := report.get("spread"):
            yield (f"one expression over poses: deviation {found['mean']:.3f} in the mean, {found['worst']:.3f} "
                   f"at worst, up to 0.06 in {found['share']:.0%}")  # fmt: skip
        if found := report.get("nods"):
            yield (f"an opening jaw: the head's pitch goes over {found['mean']:.2f} degrees in the mean, "
                   f"{found['worst']:.2f} at worst")  # fmt: skip
        yield f"{'r':<22}" + "".join(f"{name:>10}" for name in rows)
        for name in report["r_by_channel"]:
            cells = "".join(f"{_cell(row['r_by_channel'].get(name)):>10}" for row in rows.values())
            yield f"  {name:<20}{cells}"
    for name in ("jitter", "mediapipe_jitter", "blink_lag_s", "mediapipe_blink_lag_s", "blink_lag_to_mediapipe_s"):
        if report.get(name) is not None:
            yield f"{name}: {report[name]:.4f}"


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
