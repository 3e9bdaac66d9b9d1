"""Rigs that people have, by the names that their makers gave their keys."""

import numpy as np
import pytest

from faceanim.core.channels import ARKIT
from faceanim.core.rig import Bone, Key, Rig
from faceanim.retarget.names import propose


def rig(keys, bones=()):
    joints = tuple(Bone(n, "Rig", np.eye(3)) for n in bones)
    return Rig("Someone", ("Face",), tuple(Key(n, ("Face",)) for n in keys), joints)


def sided(text):
    """The names in a text, those with * for both sides."""
    return [name.replace("*", side) for name in text.split() for side in ("LR" if "*" in name else " ")]


METAHUMAN = ["CTRL_expressions_" + n for n in sided("""
    jawOpen jawFwd jawLeft jawRight mouthLeft mouthRight tongueOut mouthUp mouthLipsTogetherU* mouthLipsTogetherD*
    mouthFunnelU* mouthFunnelD* mouthLipsPurseU* mouthLipsPurseD* mouthUpperLipRollIn* mouthLowerLipRollIn*
    jawChinRaiseU* jawChinRaiseD* mouthCornerPull* mouthCornerDepress* mouthDimple* mouthStretch* mouthPressU*
    mouthPressD* mouthUpperLipRaise* mouthLowerLipDepress* mouthCheekBlow* eyeCheekRaise* noseWrinkle* browDown*
    browLateral* browRaiseIn* browRaiseOuter* eyeBlink* eyeWiden* eyeSquintInner* eyeLookUp* eyeLookDown* eyeLookLeft*
    eyeLookRight*""")]
CREATOR = sided("""
    Jaw_Open Jaw_Forward Jaw_L Jaw_R Mouth_Close Mouth_L Mouth_R Mouth_Shrug_Upper Mouth_Shrug_Lower Tongue_Out V_Open
    Mouth_Funnel_Up_* Mouth_Funnel_Down_* Mouth_Pucker_Up_* Mouth_Pucker_Down_* Mouth_Roll_In_Upper_*
    Mouth_Roll_In_Lower_* Mouth_Smile_* Mouth_Frown_* Mouth_Dimple_* Mouth_Stretch_* Mouth_Press_* Mouth_Up_Upper_*
    Mouth_Down_Lower_* Cheek_Puff_* Cheek_Raise_* Nose_Sneer_* Brow_Drop_* Brow_Raise_Inner_* Brow_Raise_Outer_*
    Eye_Blink_* Eye_Squint_* Eye_Wide_* Eye_*_Look_L Eye_*_Look_R Eye_*_Look_Up Eye_*_Look_Down""")
ROCKETBOX = [f"AK_{i:02}_{n[0].upper()}{n[1:]}" for i, n in enumerate(sorted(ARKIT), 1)]
FACS = [f"facs_{'jnt' if n.startswith('jaw') else 'bs'}_{n[0].upper()}{n[1:]}_div2" for n in ARKIT]


@pytest.mark.parametrize("keys,family", [
    (METAHUMAN, "metahuman"), (CREATOR, "reallusion"), (ROCKETBOX, "arkit"), (FACS, "daz"),
    ([f"A{i:02}_{n[0].upper()}{n[1:]}" for i, n in enumerate(ARKIT, 1)], "arkit"),
])
def test_every_channel_is_driven_in_its_own_sense(keys, family):
    proposal = propose(rig(keys))
    assert proposal.family == family
    assert not set(ARKIT) & set(proposal.unmapped)
    for key, target in proposal.mapping.targets.items():
        sides = {("Left" if c.endswith("Left") else "Right") for c in target.weights if c.endswith(("Left", "Right"))}
        look = "ook" in key or key.lower().endswith(("mouthleft", "mouthright", "jawleft", "jawright"))
        if not look and key.endswith("L"):
            assert sides <= {"Left"}, key


def test_an_eye_that_looks_to_a_side():
    table = {k: dict(t.weights) for k, t in propose(rig(METAHUMAN)).mapping.targets.items()}
    assert table["CTRL_expressions_eyeLookLeftL"] == {"eyeLookOutLeft": 1}
    assert table["CTRL_expressions_eyeLookLeftR"] == {"eyeLookInRight": 1}
    table = {k: dict(t.weights) for k, t in propose(rig(CREATOR)).mapping.targets.items()}
    assert table["Eye_R_Look_R"] == {"eyeLookOutRight": 1} and table["Eye_L_Look_R"] == {"eyeLookInLeft": 1}
    assert "V_Open" not in table and table["Mouth_Funnel_Up_L"] == {"mouthFunnel": 1}


def test_genesis_8_speaks_with_its_visemes():
    names = sided("MouthOpen MouthSmile MouthSmileSimple* LipsPuckerWide EyesClosed* EyesClosed BrowSqueeze* "
                  "vAA vM vS vF vUW")
    proposal = propose(rig(["Genesis8Female__eCTRL" + n for n in names]))
    driven = {k.split("CTRL")[1]: dict(t.weights) for k, t in proposal.mapping.targets.items()}
    assert proposal.leaders["mouth"] == "daz_visemes" and {"vAA", "vM", "vS", "vF", "vUW"} <= set(driven)
    assert driven["MouthSmileSimpleL"] == {"mouthSmileLeft": 1} and driven["BrowSqueezeR"] == {"browDownRight": 1}
    assert not {"MouthOpen", "MouthSmile", "EyesClosed"} & set(driven)


def test_genesis_9_has_a_key_for_each_quarter_of_the_lips():
    keys = ["facs_bs_JawOpen", "facs_bs_MouthRollLowerLeft", "facs_bs_MouthPressUpperRight"]
    table = propose(rig(keys)).mapping.targets
    assert table["facs_bs_MouthRollLowerLeft"].weights == {"mouthRollLower": 1}
    assert table["facs_bs_MouthPressUpperRight"].weights == {"mouthPressRight": 1}


def test_mb_lab():
    names = sided("mouthOpen_max mouthSmile*_max mouthSmile_max mouthSmile_min eyeClosed*_max eyeClosed*_min "
                  "browsMidVert_max browOutVert*_max browSqueeze*_max chestExpansion_max "
                  "mouthOpenAggr_max eyesHoriz_max")
    proposal = propose(rig(["Expressions_" + n for n in names]))
    driven = {k.partition("_")[2]: dict(t.weights) for k, t in proposal.mapping.targets.items()}
    assert proposal.family == "mblab" and driven["eyeClosedR_min"] == {"eyeWideRight": 1}
    assert driven["mouthSmileL_max"] == {"mouthSmileLeft": 1} and "mouthSmile_max" not in driven
    assert proposal.unused["Expressions_chestExpansion_max"] == "it is no face"


def test_ready_player_me():
    keys = [*ARKIT, "mouthOpen", "mouthSmile", "eyesClosed", "viseme_sil", "viseme_PP", "viseme_aa", "viseme_O"]
    proposal = propose(rig(keys, ["Head", "Neck", "LeftEye", "RightEye"]))
    assert proposal.family == "arkit"
    assert {c for c in ARKIT if not c.startswith("eyeLook")} <= set(proposal.mapping.targets)
    assert not {"mouthOpen", "mouthSmile", "eyesClosed", "viseme_aa"} & set(proposal.mapping.targets)


@pytest.mark.parametrize("names", [
    ("DEF-spine.006 head", "jaw_master", "eye.L", "eye.R"), ("c_head.x", "c_jawbone.x", "c_eye.l", "c_eye.r"),
    ("mixamorig:Head", "mixamorig:Jaw", "mixamorig:LeftEye", "mixamorig:RightEye"),
    ("CC_Base_Head", "CC_Base_JawRoot", "CC_Base_L_Eye", "CC_Base_R_Eye"),
    ("Bip01 Head", "Bip01 MJaw", "Bip01 LEye", "Bip01 REye"), ("head", "lowerJaw", "lEye", "rEye"),
])
def test_bones_of_the_usual_rigs(names):
    controls = propose(rig(["eyeBlinkLeft"], names[-3:] if "spine" in names[0] else names)).mapping.controls
    moved = {c.split(":rot")[0].removeprefix("bone:") for c in controls if c.startswith("bone:")}
    assert set(names[-3:]) <= moved
