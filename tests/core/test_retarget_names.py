"""Keys and bones found by their names: every usual spelling, one family a region, nothing driven twice."""

import json
from dataclasses import replace

import numpy as np
import pytest

from faceanim.core.channels import ARKIT, CHANNELS, GROUP_OF, GROUPS, TONGUE_EXTRA
from faceanim.core.files import PRESETS
from faceanim.core.rig import Bone, Key, Rig
from faceanim.core.track import Track
from faceanim.errors import CharacterError
from faceanim.retarget.apply import apply
from faceanim.retarget.families import families, words
from faceanim.retarget.names import propose


def rig(keys, bones=(), empty=(), blocked=None):
    """A Rig of key names and of bones as "name" or "parent/name"."""
    blocked = blocked or {}
    made = [Key(n, ("Face",), n not in empty, blocked=blocked.get(n, "")) for n in keys]
    parts = [b.rpartition("/") for b in bones]
    joints = [Bone(n, "Rig", np.eye(3), parent=p, blocked=blocked.get(n, "")) for p, _, n in parts]
    return Rig("Someone", ("Face",), tuple(made), tuple(joints))


def weights(proposal):
    return {control: dict(target.weights) for control, target in proposal.mapping.targets.items()}


def posed(proposal, **channels):
    """Controls above 0 at one frame of those channels."""
    track = apply(Track.from_columns(60, {n: np.array([v]) for n, v in channels.items()}), proposal.mapping)
    return {n: float(v) for n, v in zip(track.channels, track.values[0], strict=True) if abs(v) > 1e-6}


def snake(name):
    return "_".join(words(name))


SPELLINGS = {
    "apple": lambda n: n,
    "pascal": lambda n: n[0].upper() + n[1:],
    "snake": snake,
    "lower": str.lower,
    "upper": lambda n: snake(n).upper(),
    "side _L": lambda n: n[:-4] + "_L" if n.endswith("Left") else n[:-5] + "_R" if n.endswith("Right") else n,
    "side .L": lambda n: n[:-4] + ".L" if n.endswith("Left") else n[:-5] + ".R" if n.endswith("Right") else n,
    "side L": lambda n: n[:-4] + "L" if n.endswith("Left") else n[:-5] + "R" if n.endswith("Right") else n,
    "ARKit_": lambda n: "ARKit_" + n,
    "bs_": lambda n: "bs_" + n,
    "Face.M_": lambda n: "Face.M_" + n,
    "blendShape1.": lambda n: "blendShape1." + n,
    "spaces": lambda n: " ".join(words(n)),
    "copied": lambda n: n + ".001",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_arkit_in_its_usual_spellings(spelling):
    names = {c: SPELLINGS[spelling](c) for c in (*ARKIT, *TONGUE_EXTRA)}
    proposal = propose(rig(names.values()))
    assert weights(proposal) == {name: {channel: 1.0} for channel, name in names.items()}
    assert proposal.family == "arkit" and not proposal.unused
    assert set(proposal.unmapped) == {"headYaw", "headPitch", "headRoll"}
    assert proposal.coverage == {**dict.fromkeys(GROUPS, 1.0), "head": 0.0}


def test_ict_facekit_in_split_pairs(data):
    with np.load(data / "ict_facekit" / "ict_face.npz") as z:
        names = [str(n) for n in z["expression_names"]]
    proposal = propose(rig(names))
    assert weights(proposal)["browInnerUp_L"] == weights(proposal)["browInnerUp_R"] == {"browInnerUp": 1}
    assert weights(proposal)["eyeBlink_L"] == {"eyeBlinkLeft": 1}
    assert proposal.coverage["lips"] == proposal.coverage["lids"] == proposal.coverage["brows"] == 1
    assert {"PupilDilate_L", "cheekRaiser_L"} <= set(proposal.unused)


MOUTHS = ("Close", "Up", "Angry", "Small", "Large", "Neutral", "Fun", "Joy", "Sorrow", "A", "I", "U", "E", "O")
VROID_MOUTH = [f"Fcl_MTH_{n}" for n in MOUTHS]
VROID = [
    "Fcl_ALL_Neutral", "Fcl_ALL_Joy", *(f"Fcl_BRW_{n}" for n in ("Angry", "Fun", "Joy", "Sorrow", "Surprised")),
    *(f"Fcl_EYE_{n}" for n in ("Natural", "Close", "Close_R", "Close_L", "Fun", "Joy", "Spread", "Iris_Hide")),
    *VROID_MOUTH, "Fcl_HA_Hide",
]


def test_vroid():
    proposal = propose(rig(VROID, empty=["Fcl_EYE_Natural"]))
    table = weights(proposal)
    assert proposal.family == "vroid"
    assert table["Fcl_EYE_Close_L"] == {"eyeBlinkLeft": 1} and "Fcl_EYE_Close" not in table
    assert max(table["Fcl_MTH_A"], key=table["Fcl_MTH_A"].get) == "jawOpen"
    assert "Fcl_ALL_Joy" not in table and "whole face" in proposal.unused["Fcl_ALL_Joy"]
    assert proposal.unused["Fcl_EYE_Natural"] == "it moves nothing"
    assert set(posed(proposal, jawOpen=0.4)) <= {"Fcl_MTH_A", "Fcl_MTH_O", "Fcl_MTH_E"}
    assert posed(proposal, jawOpen=0.3)["Fcl_MTH_A"] == pytest.approx(0.6)
    assert not posed(proposal, jawOpen=0.4, mouthClose=0.4)
    assert set(posed(proposal, mouthSmileLeft=0.5, mouthSmileRight=0.5)) == {"Fcl_MTH_Fun"}
    # the inner brows alone are sorrow, all of them surprise
    assert set(posed(proposal, browInnerUp=0.6)) == {"Fcl_BRW_Sorrow"}
    up = posed(proposal, browInnerUp=0.6, browOuterUpLeft=0.6, browOuterUpRight=0.6)
    assert up == {"Fcl_BRW_Surprised": pytest.approx(0.6)}


SOUNDS = ("sil", "aa", "E", "I", "O", "U", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR")
VISEMES = [f"viseme_{n}" for n in SOUNDS]


def visemes_of(proposal, ipa):
    shapes = json.loads((PRESETS / "visemes" / "default.json").read_text(encoding="utf-8"))["visemes"]
    shape = next(v for v in shapes if ipa in v["ipa"])
    pose = dict(shape["shape"])
    if shape.get("contact", {}).get("kind") == "close":
        pose["mouthClose"] = pose["jawOpen"]
    return posed(proposal, **pose)


@pytest.mark.parametrize("ipa,viseme", [
    ("a", "aa"), ("æ", "aa"), ("ə", "aa"), ("i", "I"), ("ɔ", "O"), ("u", "U"), ("w", "U"), ("p", "PP"),
    ("m", "PP"), ("f", "FF"), ("θ", "TH"), ("t", "DD"), ("k", "kk"), ("ʃ", "CH"), ("s", "SS"), ("ɹ", "RR"),
])
def test_each_sound_leads_to_its_oculus_viseme(ipa, viseme):
    got = visemes_of(propose(rig(VISEMES)), ipa)
    assert max(got, key=got.get) == f"viseme_{viseme}"
    assert got[f"viseme_{viseme}"] > 0.3
    assert sum(got.values()) < 1.6


@pytest.mark.parametrize("names", [
    VISEMES, [f"vrc.v_{n.split('_')[1].lower()}" for n in VISEMES],
    ["sil", "aa", "E", "ih", "oh", "ou", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR"], VROID,
    ["A", "I", "U", "E", "O", "Blink"], ["aa", "ih", "ou", "ee", "oh", "blink"], ["mouth_open", "pucker", "blink"],
    ["jawOpen", "mouthPucker"],
])
def test_a_closure_closes_on_every_family(names):
    """Whatever is rounded or open around it, at p nothing but the lips' own pressing is left."""
    proposal = propose(rig(names))
    opened = posed(proposal, jawOpen=0.5)
    assert max(opened.values()) >= 0.5
    pose = {
        "jawOpen": 0.1, "mouthClose": 0.1, "mouthPucker": 0.3, "mouthPressLeft": 0.22, "mouthPressRight": 0.22,
        "mouthRollLower": 0.16, "mouthRollUpper": 0.14, "tongueTipUp": 0.4, "tongueBackUp": 0.3,
    }
    left = {n: v for n, v in posed(proposal, **pose).items() if "PP" not in n.upper() and "Close" not in n}
    # pucker of ARKit's own is a shape of closed lips
    left.pop("mouthPucker", None)
    assert not left


def test_a_smile_with_closed_lips_opens_no_viseme_and_a_laugh_is_one_mouth():
    proposal = propose(rig(VROID))
    spread = {"mouthStretchLeft": 0.6, "mouthStretchRight": 0.6, "mouthDimpleLeft": 0.5, "mouthDimpleRight": 0.5}
    visemes = {"Fcl_MTH_A", "Fcl_MTH_I", "Fcl_MTH_U", "Fcl_MTH_E", "Fcl_MTH_O"}
    assert not visemes & set(posed(proposal, **spread))
    laugh = posed(proposal, **spread, jawOpen=1.0, mouthFunnel=0.9)
    assert sum(laugh.get(name, 0) for name in visemes) == pytest.approx(1.0)


@pytest.mark.parametrize("blink", [
    ["Blink"], ["Blink_L", "Blink_R"], ["Blink", "Blink_L", "Blink_R"], ["blinkLeft", "blinkRight"],
])
def test_vrm_and_blinks_of_one_or_two_keys(blink):
    proposal = propose(rig(["A", "I", "U", "E", "O", "Joy", "Angry", "Sorrow", "Fun", *blink]))
    assert proposal.family == "vrm"
    got = posed(proposal, eyeBlinkLeft=1, eyeBlinkRight=1)
    assert got == {n: 1.0 for n in (blink if len(blink) < 3 else blink[1:])}
    assert "whole face" in proposal.unused["Joy"]
    if len(blink) == 3:
        assert proposal.unused["Blink"].endswith("does this already")


def test_arkit_and_visemes_are_not_driven_twice():
    proposal = propose(rig([*ARKIT, *VISEMES, *VROID]))
    assert set(weights(proposal)) == set(ARKIT)
    assert all(f"viseme_{n}" in proposal.unused for n in ("aa", "PP"))
    assert proposal.unused["viseme_aa"] == "'jawOpen' (arkit) does this already"


def test_fillers_take_only_the_gaps():
    proposal = propose(rig([*VISEMES, "mouthSmileLeft", "mouthSmileRight", "jawOpen", "eyeBlinkLeft", "eyeBlinkRight"]))
    table = weights(proposal)
    assert proposal.family == "oculus"
    assert {"viseme_aa", "mouthSmileLeft", "mouthSmileRight", "eyeBlinkLeft"} <= set(table) and "jawOpen" not in table
    assert proposal.leaders == {"mouth": "oculus", "lids": "arkit"}


def test_keys_that_move_nothing_open_no_mouth():
    empty = ["jawOpen", "mouthUpperUpLeft"]
    proposal = propose(rig([*ARKIT, "Fcl_MTH_A"], empty=empty))
    table = weights(proposal)
    assert "jawOpen" not in table and "mouthClose" not in table
    assert posed(proposal, jawOpen=0.3)["Fcl_MTH_A"] == pytest.approx(0.6)
    assert not posed(proposal, jawOpen=0.4, mouthClose=0.4)
    assert table["mouthFunnel"] == {"mouthFunnel": 1}
    assert proposal.unused["jawOpen"] == "it moves nothing"
    assert "mouthClose" in proposal.unused
    assert proposal.unmapped["mouthUpperUpLeft"] == "'mouthUpperUpLeft': it moves nothing"


def test_without_a_key_that_closes_the_jaw_key_closes():
    table = weights(propose(rig(["jawOpen", "eyeBlinkLeft"])))
    assert table["jawOpen"] == {"jawOpen": 1, "mouthClose": -1}


def test_blocked_keys_are_no_targets():
    proposal = propose(rig(ARKIT, blocked={"browInnerUp": "muted", "jawOpen": "driven"}))
    assert "browInnerUp" not in weights(proposal)
    assert proposal.unused["browInnerUp"] == "it is muted"
    assert proposal.unmapped["browInnerUp"] == "'browInnerUp': it is muted"


def test_ranges_of_sliders_are_kept():
    keys = (Key("jawOpen", ("Face",), minimum=-1, maximum=0.8), Key("eyeBlinkLeft", ("Face",), maximum=0.0))
    proposal = propose(Rig("x", ("Face",), keys))
    target = proposal.mapping.targets["jawOpen"]
    assert (target.minimum, target.maximum) == (0, 0.8)
    assert "eyeBlinkLeft" in proposal.unused


def test_the_character_of_the_data_pack(data):
    info = json.loads((data / "characters" / "vroid_plain_info.json").read_text(encoding="utf-8"))
    keys = info["meshes"]["Face"]["shape_keys"][1:]
    above = {"Head": "Neck", "LeftEye": "Head", "RightEye": "Head"}
    bones = [f"{above.get(b, '')}/{b}" for b in info["armatures"]["Armature"]]
    proposal = propose(rig(keys, bones, empty=info["empty_shape_keys"]))
    table = weights(proposal)
    assert not set(table) & set(info["empty_shape_keys"])
    opened = posed(proposal, jawOpen=0.4)
    assert max(opened, key=opened.get) in ("viseme_aa", "Fcl_MTH_A")
    assert not posed(proposal, jawOpen=0.4, mouthClose=0.4)
    assert posed(proposal, mouthSmileLeft=0.5) == {"mouthSmileLeft": 0.5}
    assert posed(proposal, eyeBlinkRight=1) == {"eyeBlinkRight": 1}
    # a drawn eye has little room: a third of the gaze
    assert posed(proposal, leftEyeYaw=0.3) == {"bone:LeftEye:rot_y": pytest.approx(0.099)}
    assert not posed(proposal, eyeLookUpLeft=1)
    for ipa, viseme in (("p", "PP"), ("f", "FF"), ("a", "aa"), ("u", "U")):
        got = visemes_of(proposal, ipa)
        assert max(got, key=got.get) == f"viseme_{viseme}"
    # each channel makes its own shape once: no two keys of two families that move the same
    names = {f.name: f for f in families()}
    taken = {}
    for key in table:
        if key.startswith("bone:"):
            continue
        for family in names.values():
            hit = family.match(key)
            if hit:
                for channel in family.shapes[hit[0]].moves:
                    assert taken.setdefault(channel, family.name) == family.name
                break
    assert {"Head", "Neck"} <= {c.split(":")[1] for c in table if c.startswith("bone:")}


def test_eight_odd_keys():
    names = ["Mouth Open", "smile.L", "smile.R", "EyesClosed", "brows_up", "angry", "Kiss", "HatSize"]
    proposal = propose(rig(names))
    assert proposal.family == "plain"
    assert posed(proposal, jawOpen=0.4)["Mouth Open"] == pytest.approx(0.6)
    assert posed(proposal, mouthSmileRight=0.5) == {"smile.R": 0.5}
    assert posed(proposal, eyeBlinkLeft=1, eyeBlinkRight=1) == {"EyesClosed": 1}
    assert set(proposal.unused) == {"angry", "HatSize"}
    assert proposal.unused["HatSize"] == "its name is not known"


def test_the_order_of_keys_does_not_matter():
    names = [*VISEMES, *VROID, "mouthSmileLeft", "jawOpen", "Blink"]
    assert weights(propose(rig(names))) == weights(propose(rig(names[::-1])))


@pytest.mark.parametrize("head,neck,left,right", [
    ("head", "neck", "eye.L", "eye.R"), ("Head", "Neck", "LeftEye", "RightEye"),
    ("mixamorig:Head", "mixamorig:Neck", "mixamorig:LeftEye", "mixamorig:RightEye"),
    ("J_Bip_C_Head", "J_Bip_C_Neck", "J_Adj_L_FaceEye", "J_Adj_R_FaceEye"),
    ("CC_Base_Head", "CC_Base_NeckTwist02", "CC_Base_L_Eye", "CC_Base_R_Eye"),
    ("DEF-head", "DEF-neck", "DEF-eye.L", "DEF-eye.R"), ("head.x", "neck.x", "c_eye.l", "c_eye.r"),
    ("head", "neckUpper", "lEye", "rEye"), ("head", "neck_02", "FACIAL_L_Eye", "FACIAL_R_Eye"),
])
def test_bones_of_head_neck_and_eyes(head, neck, left, right):
    others = ["spine", "Head_end", "MCH-eye.L", "eye_target.L"]
    bones = [*others, neck, f"{neck}/{head}", f"{head}/{left}", f"{head}/{right}"]
    proposal = propose(rig(ARKIT, bones))
    table = weights(proposal)
    assert table[f"bone:{head}:rot_x"] == {"headPitch": 0.65} and table[f"bone:{neck}:rot_x"] == {"headPitch": 0.35}
    assert table[f"bone:{head}:rot_y"] == {"headYaw": 0.65} and table[f"bone:{head}:rot_z"] == {"headRoll": -0.65}
    assert table[f"bone:{left}:rot_y"] == {"leftEyeYaw": 1} and table[f"bone:{right}:rot_x"] == {"rightEyePitch": 1}
    assert sum(c.startswith("bone:") for c in table) == 10
    assert proposal.unused["eyeLookInLeft"] == "the eyeballs are turned by bones"
    assert proposal.coverage["gaze"] == proposal.coverage["head"] == 1
    assert set(proposal.unmapped) == set(TONGUE_EXTRA)


def test_a_head_without_a_neck_turns_alone():
    table = weights(propose(rig(ARKIT, ["Head", "Neck"])))
    assert table["bone:Head:rot_y"] == {"headYaw": 1.0} and "bone:Neck:rot_y" not in table


def test_lids_follow_eyes_that_bones_turn():
    look = [f"eyeLook{way}{side}" for way in ("Up", "Down", "In", "Out") for side in ("Left", "Right")]
    bones = ("head", "eye.L", "eye.R")
    with_eyeballs = propose(rig(["jawOpen", *look], bones=bones))
    assert not set(look) & set(with_eyeballs.mapping.targets)
    lids = rig(["jawOpen", *look], bones=bones)
    lids = replace(lids, keys=tuple(replace(key, lids_only=True) for key in lids.keys))
    targets = propose(lids).mapping.targets
    assert set(look) <= set(targets) and "bone:eye.L:rot_y" in targets


def test_one_eye_bone_or_a_blocked_one_leaves_the_eyes_to_keys():
    for made in (rig(ARKIT, ["LeftEye"]), rig(ARKIT, ["LeftEye", "RightEye"], blocked={"RightEye": "constrained"})):
        table = weights(propose(made))
        assert "eyeLookInLeft" in table and not any(c.startswith("bone:") for c in table)


def test_the_jaw_follows_a_key_or_a_bone_never_both():
    assert not any("jaw" in c for c in weights(propose(rig(ARKIT, ["jaw"]))) if c.startswith("bone:"))
    for made in (rig(ARKIT, ["jaw"], empty=["jawOpen"]), rig(["eyeBlinkLeft"], ["CC_Base_JawRoot"]), rig([], ["jaw"])):
        proposal = propose(made)
        jaw = next(c for c in proposal.mapping.targets if c.endswith(":rot_x"))
        assert posed(proposal, jawOpen=1.0)[jaw] == pytest.approx(0.35)
        assert jaw not in posed(proposal, jawOpen=1.0, mouthClose=1.0)
        assert "mouthClose" not in proposal.mapping.targets


@pytest.mark.parametrize("made,says", [
    (rig([]), "no shape keys"), (rig([], ["Head", "Neck"]), "no shape keys"),
    (rig(["Key 1", "Muscle", "Belly"]), "Muscle"),
    (rig(ARKIT, empty=ARKIT), "moves nothing"), (rig(["jawOpen"], blocked={"jawOpen": "linked"}), "linked"),
    (rig(["Smile Joy", "Angry"]), "none of the 2"),
])
def test_characters_that_cannot_be_driven(made, says):
    with pytest.raises(CharacterError) as error:
        propose(made)
    assert says in error.value.message and error.value.hint


def test_no_spelling_means_two_things_in_one_family():
    """A spelling that two shapes claim would go to the first of them in silence."""
    for path in sorted((PRESETS / "mappings").glob("*.json")):
        value = json.loads(path.read_text(encoding="utf-8"))
        if value["schema"] != "faceanim/names/1":
            continue
        family = next(f for f in families() if f.name == value["name"])
        for index, shape in enumerate(family.shapes):
            name = f"{min(family.marks)} {shape.name}" if family.marks else shape.name
            assert family.match(name)[0] == index, (family.name, name)
            assert set(shape.weights) | set(shape.moves) | set(shape.needs) <= set(CHANNELS)
            assert shape.weights or shape.why
            assert len({GROUP_OF[c] in ("lips", "jaw", "tongue") for c in shape.moves}) <= 1
