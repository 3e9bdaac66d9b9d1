"""A Mapping proposed from the names of a character's keys and bones, and from what the keys do where they are at hand.

One family drives a region, the one whose keys cover it best; others fill its gaps, with keys that take up nothing that
is already taken. So a character that has ARKit keys and visemes is not driven twice. Keys whose names mean nothing, or
something else than what the key plainly does, are told by their geometry.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ..core.channels import CHANNELS, GROUP_OF, GROUPS, ROTATIONS
from ..core.mapping import Mapping, Target
from ..core.rig import Key, Rig
from ..errors import CharacterError
from . import bones, geometry
from .families import Family, Shape, families
from .lips import Surface

REGIONS: dict[str, tuple[str, ...]] = {
    "mouth": ("lips", "jaw"), "tongue": ("tongue",), "cheeks": ("cheeks",), "nose": ("nose",), "brows": ("brows",),
    "lids": ("lids",), "gaze": ("gaze",),
}
ESSENTIAL = {"mouth": "jawOpen"}
"""A family that cannot do this does not lead the region where another can."""

OPENING = {"jawOpen": 20.0, "mouthClose": -20.0}
"""The gate of visemes: every sound but those that close the lips has an opening of 0.05 or more (presets/visemes), a
face at rest has none."""


@dataclass(frozen=True)
class Proposal:
    """What is driven and what is not.

    mapping    of accepted controls alone
    family     the family that leads the mouth, or has the most keys where none does; "" where bones alone are driven
    unmapped   channel to why nothing follows it
    unused     key to why it is not driven
    coverage   group (channels.GROUPS) to the part of its channels that drive something, 0..1
    leaders    region to the family that leads it
    confidence  control to 0..1: 1 by its name, less by its geometry
    notes      what names say and the keys do not, in words
    """

    mapping: Mapping
    family: str
    unmapped: dict[str, str]
    unused: dict[str, str]
    coverage: dict[str, float]
    leaders: dict[str, str] = field(default_factory=dict)
    confidence: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Match:
    """A key and the shape of a family that its name means."""

    key: Key
    family: Family
    shape: Shape
    skipped: int

    @property
    def dead(self) -> str:
        """Why the key cannot be driven, "" where it can."""
        if not self.key.moves:
            return "it moves nothing"
        if self.key.blocked:
            return f"it is {self.key.blocked}"
        return "its slider does not go above 0" if self.key.maximum <= 0 else ""


GEOMETRY = "geometry"
"""The family of keys that are told by what they do."""
OPPOSITE = -0.4
"""A key that is less like what its name says than this does the opposite."""


def propose(rig: Rig, surface: Surface | None = None) -> Proposal:
    """The Mapping that the names suggest, and with a Surface of all keys also what they do.

    Raises CharacterError, with a hint, where there are no keys or none that is known, and no jaw bone either.
    """
    found = bones.find(rig)
    matches = [
        _Match(key, family, family.shapes[hit[0]], hit[1])
        for family in families()
        for key in rig.keys
        if (hit := family.match(key.name))
    ]
    live = _live(rig)
    strange = surface is not None and not _named(matches, live)
    seen = geometry.recognise(surface, live) if strange else geometry.Found()
    denied = {m.key.name: m for m in matches if _denied(m, seen)}
    matches = [m for m in matches if m.key.name not in denied]
    eyes = bones.free(found["eye_left"]), bones.free(found["eye_right"])
    choice = _Choice()
    for region in REGIONS:
        # where bones turn the eyes, of the keys that look only those are left that move the lids with them
        apart = region == "gaze" and None not in eyes
        choice.fill(region, [m for m in matches if m.key.lids_only] if apart else matches)
    targets = {key: choice.target(key) for key in (k.name for k in rig.keys) if key in choice.accepted}
    driven = set(choice.owner)
    told = _by_geometry(rig, seen, matches, driven, None not in eyes)
    targets |= told
    targets |= _bone_targets(rig, found, driven, min((m.family.eyes for m in matches if not m.skipped), default=1.0))
    visemes = tuple(key for key in targets if key in choice.accepted and choice.accepted[key].shape.viseme)
    if not choice.accepted and not told and not any(GROUP_OF[c] in ("jaw", "lips") for c in driven):
        raise _nothing(rig, matches)
    gaze = driven & set(GROUPS["gaze"])
    return Proposal(
        Mapping(rig.name, targets, (visemes,) if visemes else ()),
        choice.family if len(choice.accepted) >= len(told) else GEOMETRY,
        {c: _unmapped(c, matches, found) for c in CHANNELS if c not in driven and not (gaze and GROUP_OF[c] == "gaze")},
        {
            k.name: _unused(k, matches, choice, None not in eyes, seen)
            for k in rig.keys if k.name not in choice.accepted and k.name not in told
        },
        {group: _coverage(names, driven) for group, names in GROUPS.items()},
        choice.leaders,
        {c: seen.confidence[c] if c in told else 1.0 for c in targets},
        tuple(_contradiction(m) + ("" if name in told else ": it is left alone") for name, m in denied.items()),
    )


def _live(rig: Rig) -> tuple[str, ...]:
    return tuple(k.name for k in rig.keys if k.moves and not k.blocked and k.maximum > 0)


def _denied(match: _Match, seen: geometry.Found) -> bool:
    """Whether a key plainly does the opposite of what its name says."""
    alike = seen.alike.get(match.key.name)
    if not seen.shapes or not alike or match.shape.viseme or len(match.shape.weights) != 1:
        return False
    return alike.get(next(iter(match.shape.weights)), 0.0) < OPPOSITE


def _contradiction(match: _Match) -> str:
    return f"'{match.key.name}' does the opposite of what its name says"


def _by_geometry(
    rig: Rig, seen: geometry.Found, matches: list[_Match], driven: set[str], eye_bones: bool
) -> dict[str, Target]:
    """Targets of keys that no name tells, for channels that nothing moves yet; adds those to `driven`."""
    named = {m.key.name for m in matches}
    taken, targets = frozenset(driven), {}
    for key in sorted(rig.keys, key=lambda k: -seen.confidence.get(k.name, 0.0)):
        weights = seen.weights.get(key.name)
        if weights is None or key.name in named or not taken.isdisjoint(weights):
            continue
        if eye_bones and not key.lids_only and all(GROUP_OF[c] == "gaze" for c in weights):
            continue
        targets[key.name] = Target(weights, minimum=max(0.0, key.minimum), maximum=min(1.0, key.maximum))
        driven.update(weights)
    for name, target in targets.items():
        if "jawOpen" in target.weights and "mouthClose" not in driven:
            targets[name] = replace(target, weights={**target.weights, "mouthClose": -target.weights["jawOpen"]})
    return targets


def _named(matches: list[_Match], live: tuple[str, ...]) -> bool:
    """Whether every key is known by its name, and one opens the mouth: to look at them takes some seconds."""
    told = [m for m in matches if not m.dead]
    return set(live) <= {m.key.name for m in told} and any(ESSENTIAL["mouth"] in m.shape.moves for m in told)


@dataclass
class _Choice:
    """The keys accepted so far, and who takes up which channel."""

    accepted: dict[str, _Match] = field(default_factory=dict)
    owner: dict[str, _Match] = field(default_factory=dict)
    leaders: dict[str, str] = field(default_factory=dict)

    def fill(self, region: str, matches: list[_Match]) -> None:
        inside = [
            m for m in matches if not m.dead and m.shape.weights
            and any(GROUP_OF[c] in REGIONS[region] for c in m.shape.moves)
        ]
        for name in _ranked(region, inside):
            mine = [m for m in inside if m.family.name == name]
            # sided keys before those for both sides, and what needs another key after it
            for match in sorted(mine, key=lambda m: (m.shape.both, bool(m.shape.needs), m.skipped)):
                if self._allows(match):
                    self.accepted[match.key.name] = match
                    self.owner.update({c: match for c in match.shape.moves if c not in self.owner})
                    self.leaders.setdefault(region, name)

    def _allows(self, match: _Match) -> bool:
        return match.key.name not in self.accepted and not self.refusal(match)

    def refusal(self, match: _Match) -> str:
        """Why a live match is not taken beside what is accepted already, "" where it may."""
        shape = match.shape
        for other in self.accepted.values():
            if other.shape is shape:
                return f"'{other.key.name}' is the same shape"
        for channel in shape.moves:
            other = self.owner.get(channel)
            if other and (shape.both or other.family is not match.family):
                return f"'{other.key.name}' ({other.family.name}) does this already"
        for channel in shape.needs:
            if channel not in self.owner or self.owner[channel].family is not match.family:
                return f"it goes with {channel}, which no key of its family moves here"
        return ""

    def target(self, key: str) -> Target:
        match = self.accepted[key]
        weights = dict(match.shape.weights)
        for channel, extra in match.shape.without.items():
            if channel not in self.owner:
                weights |= extra
        limits = {"minimum": max(0.0, match.key.minimum), "maximum": min(1.0, match.key.maximum)}
        return Target(weights, **limits, gate=OPENING if match.shape.viseme else {})

    @property
    def family(self) -> str:
        names = [m.family.name for m in self.accepted.values()]
        return self.leaders.get("mouth") or max(names, key=names.count, default="")


def _ranked(region: str, inside: list[_Match]) -> list[str]:
    """Families by how many of the region's channels their keys move; first the best that has the essential one."""
    moved: dict[str, set[str]] = {}
    for match in inside:
        channels = (c for c in match.shape.moves if GROUP_OF[c] in REGIONS[region])
        moved.setdefault(match.family.name, set()).update(channels)
    order = sorted(moved, key=lambda name: -len(moved[name]))
    leader = next((name for name in order if ESSENTIAL.get(region) in moved[name]), None)
    return sorted(order, key=lambda name: name != leader) if leader else order


def _bone_targets(
    rig: Rig, found: dict[str, list[bones.Bone]], driven: set[str], eyes: float
) -> dict[str, Target]:
    """Targets of head, eyes and, where no key opens the mouth, jaw; adds their channels to `driven`."""
    targets: dict[str, Target] = {}
    head, jaw = bones.free(found["head"]), bones.free(found["jaw"])
    left, right = bones.free(found["eye_left"]), bones.free(found["eye_right"])
    if head:
        targets |= bones.head_targets(rig, head, found["neck"])
    if left and right:
        targets |= bones.eye_targets(left, right, eyes)
    if jaw and "jawOpen" not in driven:
        targets |= bones.jaw_targets(jaw)
    driven.update(c for t in targets.values() for c in t.weights)
    return targets


def _coverage(names: Iterable[str], driven: set[str]) -> float:
    """The part that is driven; eyes that turn need no keys that look, and the other way round."""
    kinds = [[c for c in names if c in ROTATIONS], [c for c in names if c not in ROTATIONS]]
    return max(sum(c in driven for c in kind) / len(kind) for kind in kinds if kind)


def _unmapped(channel: str, matches: list[_Match], found: dict[str, list[bones.Bone]]) -> str:
    if channel in ROTATIONS:
        roles = ("head",) if channel.startswith("head") else ("eye_left", "eye_right")
        for role in roles:
            if not bones.free(found[role]):
                blocked = [f"bone '{b.name}' is {b.blocked}" for b in found[role]]
                return blocked[0] if blocked else f"no bone is named like the {role.replace('_', ', ')}"
    own = [m for m in matches if channel in m.shape.moves]
    dead = next((f"'{m.key.name}': {m.dead}" for m in own if m.dead), "")
    return dead or (f"'{own[0].key.name}' cannot be used" if own else "no key is named like it")


def _unused(key: Key, matches: list[_Match], choice: _Choice, eye_bones: bool, seen: geometry.Found) -> str:
    dead = _Match(key, families()[0], families()[0].shapes[0], 0).dead
    if dead:
        return dead
    own = sorted((m for m in matches if m.key is key), key=lambda m: m.skipped)
    if not own:
        if key.name in seen.weights:
            channels = " + ".join(seen.weights[key.name])
            gaze = eye_bones and all(GROUP_OF[c] == "gaze" for c in seen.weights[key.name])
            return "the eyeballs are turned by bones" if gaze else f"another key does {channels} already"
        return "its name is not known" + (f", and {seen.why[key.name]}" if key.name in seen.why else "")
    shape = own[0].shape
    if not shape.weights:
        return shape.why
    if eye_bones and all(GROUP_OF[c] == "gaze" for c in shape.moves):
        return "the eyeballs are turned by bones"
    return choice.refusal(own[0]) or "another key does this already"


_REMEDIES = {
    "it is muted": "unmute the keys",
    "it is driven": "remove the keys' drivers",
    "it is linked": "Object > Library Override > Make, or append the character",
    "it is absolute, not relative": "turn on Relative below the list of shape keys",
    "it moves nothing": "give the keys a shape, or make new ones with `faceanim shapes` (Create Face Shapes)",
    "its slider does not go above 0": "raise the upper ends of the keys' ranges, or name a mapping with --mapping",
}
"""What to do where all keys cannot be driven, by why (`_Match.dead`)."""


def _nothing(rig: Rig, matches: list[_Match]) -> CharacterError:
    if not rig.keys:
        return CharacterError(
            f"'{rig.name}' has no shape keys and no jaw bone",
            "choose the object that holds the face, or give it shape keys (ARKit's names work best)",
        )
    names = ", ".join(key.name for key in rig.keys[:6]) + (", ..." if len(rig.keys) > 6 else "")
    dead = {m.key.name: m.dead for m in matches if m.dead}
    if dead:
        why = max(_REMEDIES, key=list(dead.values()).count)
        name = next((name for name in dead if dead[name] == why), next(iter(dead)))
        return CharacterError(
            f"no shape key of '{rig.name}' can be driven: of '{name}', {dead[name]}",
            f"{_REMEDIES[why]}, or choose another object",
        )
    return CharacterError(
        f"none of the {len(rig.keys)} shape keys of '{rig.name}' is named like a face's or moves like one ({names})",
        "rename them (jawOpen, eyeBlinkLeft, ...; A, I, U, E, O, Blink), or name a mapping with --mapping",
    )
