"""Actions, slots and NLA tracks as Blender 4.2 to 5.2 have them.

Blender 4.4 gave an Action a slot for each data-block and 5.0 took Action.fcurves away; before, one Action animates one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import bpy
import numpy as np
from bpy.types import ID, Action, AnimData, FCurve, NlaStrip

NAME = "faceanim"
"""Our NLA track on a data-block, and the property that marks what is ours and keeps what was there before."""

HAS_SLOTS = hasattr(bpy.types, "ActionSlot")
# The argument of fcurves.new() that sorts curves into groups; 4.4 and 4.5 have none
_GROUP = "group_name" if bpy.app.version >= (5, 0, 0) else "" if HAS_SLOTS else "action_group"
_LINEAR, _BEZIER = 1, 2
_FREE, _AUTO_CLAMPED = 0, 4
_FOREVER = 100_000.0


class Writer:
    """Makes our Actions: one with a slot a data-block where Blender has slots, else one a data-block.

    span   the clip's first and last frame, kept on the Action
    """

    def __init__(self, name: str, span: tuple[float, float]):
        self.name = name
        self.span = span
        self.shared: Action | None = None

    def curves(self, block: ID, label: str) -> tuple[Action, object | None, object]:
        """(Action, slot or None, the collection that takes new F-curves) for a data-block."""
        if not HAS_SLOTS:
            action = self._new_action(f"{self.name} {label}")
            action.id_root = block.id_type
            return action, None, action.fcurves
        if self.shared is None:
            self.shared = self._new_action(self.name)
            self.shared.layers.new(NAME).strips.new(type="KEYFRAME")
        slot = self.shared.slots.new(id_type=block.id_type, name=label)
        return self.shared, slot, self.shared.layers[0].strips[0].channelbag(slot, ensure=True).fcurves

    def _new_action(self, name: str) -> Action:
        action = bpy.data.actions.new(name)
        action[NAME] = self.span
        return action


def new_fcurve(curves: object, path: str, index: int = 0, group: str = "") -> FCurve:
    return curves.new(path, index=index, **({_GROUP: group} if group and _GROUP else {}))


def fcurves(action: Action | None, slot: object | None = None) -> list[FCurve]:
    """The F-curves of an Action, those of one slot where it has slots and one is given."""
    if action is None:
        return []
    if not HAS_SLOTS:
        return list(action.fcurves)
    bags = [bag for layer in action.layers for strip in layer.strips for bag in strip.channelbags]
    return [curve for bag in bags if slot is None or bag.slot_handle == slot.handle for curve in bag.fcurves]


def write_keys(
    curve: FCurve, frames: np.ndarray, values: np.ndarray,
    slopes_in: np.ndarray | None = None, slopes_out: np.ndarray | None = None,
) -> None:
    """Fill an empty F-curve with keys (K,) at frames, slopes in value a frame; straight lines where slopes are None.

    A Bezier handle at a third of the way to its neighbour makes time run evenly along the piece, so it evaluates to
    exactly the cubic Hermite of these slopes.
    """
    count = len(frames)
    points = curve.keyframe_points
    points.add(count)
    third = np.diff(frames, prepend=frames[0] - 3.0, append=frames[-1] + 3.0) / 3.0
    smooth = slopes_in is not None and slopes_out is not None
    if smooth:
        rise_in, rise_out = slopes_in * third[:-1], slopes_out * third[1:]
    else:
        step = np.diff(values, prepend=values[0], append=values[-1]) / 3.0
        rise_in, rise_out = step[:-1], step[1:]
    points.foreach_set("co", _pairs(frames, values))
    points.foreach_set("handle_left", _pairs(frames - third[:-1], values - rise_in))
    points.foreach_set("handle_right", _pairs(frames + third[1:], values + rise_out))
    points.foreach_set("interpolation", np.full(count, _BEZIER if smooth else _LINEAR, np.int32))
    kind = np.full(count, _FREE if smooth else _AUTO_CLAMPED, np.int32)
    points.foreach_set("handle_left_type", kind)
    points.foreach_set("handle_right_type", kind)


def _pairs(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.stack([x, y], 1).astype(np.float32).ravel()


# -- what the user has ------------------------------------------------------------------------------------------------


def animated_paths(block: ID) -> set[str]:
    """Data paths that a data-block's own animation writes, ours left out."""
    data = block.animation_data
    if data is None:
        return set()
    found = {curve.data_path for curve in fcurves(data.action, _slot(data))}
    for track in data.nla_tracks:
        if track.name != NAME and not track.mute:
            for strip in track.strips:
                found.update(curve.data_path for curve in fcurves(strip.action, _slot(strip)))
    return found


def _slot(holder: AnimData | NlaStrip) -> object | None:
    return getattr(holder, "action_slot", None) if HAS_SLOTS else None


def make_room(block: ID, paths: Iterable[str]) -> AnimData:
    """Ready a data-block for a track of ours on top of all that the user has.

    The active Action is evaluated above all tracks, but writes only what it has curves for: it stays active unless it
    has one for these paths, else it goes on a track of its own, evaluating as before.
    """
    data = block.animation_data_create()
    if data.use_tweak_mode:
        data.use_tweak_mode = False
    if not data.use_nla:
        for track in data.nla_tracks:
            track.mute = True
        data.use_nla = True
    curves = fcurves(data.action, _slot(data))
    alone = next((track for track in data.nla_tracks if track.is_solo), None)
    if alone:  # ours would be silent beside it: what is silent now stays so by being muted
        alone.is_solo = False
        if data.action:
            _push_down(data, curves)
        for track in data.nla_tracks:
            track.mute = track.mute or track != alone
    elif {curve.data_path for curve in curves} & set(paths):
        _push_down(data, curves)
    return data


def _push_down(data: AnimData, curves: list[FCurve]) -> None:
    action, slot = data.action, _slot(data)
    strip = add_strip(data, action.name, action, slot)
    strip.blend_type, strip.extrapolation = data.action_blend_type, data.action_extrapolation
    if data.action_influence < 1.0:
        strip.use_animated_influence = True
        strip.influence = data.action_influence
    if any(curve.extrapolation == "LINEAR" or curve.modifiers for curve in curves):
        # a strip holds its ends, but these curves go on beyond their last key
        span_strip(strip, -_FOREVER, _FOREVER)
    data.action = None


def add_strip(data: AnimData, name: str, action: Action, slot: object | None) -> NlaStrip:
    """A strip that plays an Action at its own frames, on a new track above all others."""
    tracks = data.nla_tracks
    track = tracks.new(prev=tracks[-1] if len(tracks) else None)
    track.name = name
    start, end = (float(f) for f in action.frame_range)
    strip = track.strips.new(name, int(np.floor(start)), action)
    if slot is not None:
        strip.action_slot = slot
    strip.use_sync_length = False
    span_strip(strip, start, max(end, start + 1.0))
    return strip


def span_strip(strip: NlaStrip, start: float, end: float) -> None:
    """Let a strip play its Action's frames start to end at these very frames."""
    # Each setter keeps its value on its side of what the other one is now, so both are set twice
    for _ in range(2):
        strip.action_frame_start, strip.action_frame_end = start, end
    for _ in range(2):
        strip.frame_start_raw, strip.frame_end_raw = start, end
    strip.scale, strip.repeat = 1.0, 1.0


# -- what is ours -----------------------------------------------------------------------------------------------------


def remember(block: ID, paths: Iterable[str]) -> None:
    """Keep the values of these properties on the data-block, so that `remove` can put them back."""
    before = {}
    for path in paths:
        value = block.path_resolve(path)
        before[path] = list(value) if hasattr(value, "__len__") else value
    block[NAME] = json.dumps(before)


def clip_span(block: ID) -> tuple[float, float] | None:
    """The first and last frame of the clip that is baked on a data-block."""
    data = block.animation_data
    strips = [strip for track in data.nla_tracks if track.name == NAME for strip in track.strips] if data else []
    spans = [strip.action[NAME] for strip in strips if strip.action and NAME in strip.action]
    return tuple(spans[0]) if spans else None


def remove(block: ID) -> None:
    """Take our track and its Action off a data-block and put back what was there before."""
    data = block.animation_data
    if data is None:
        return
    if data.use_tweak_mode and any(track.name == NAME for track in data.nla_tracks):
        data.use_tweak_mode = False
    for track in [track for track in data.nla_tracks if track.name == NAME]:
        actions = {strip.action for strip in track.strips if strip.action and NAME in strip.action}
        data.nla_tracks.remove(track)
        for action in actions:
            if action.users == 0:
                bpy.data.actions.remove(action)
    for path, value in json.loads(block.get(NAME, "{}")).items():
        owner, _, attribute = path.rpartition(".")
        try:
            setattr(block.path_resolve(owner), attribute, value)
        except ValueError:
            continue  # the key or bone has been renamed or deleted since
    if NAME in block:
        del block[NAME]
