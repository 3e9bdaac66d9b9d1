"""An actor preset: its file, its rest, its gains; and cuts, which no rest crosses."""

import json
from dataclasses import replace

import numpy as np
import pytest
from test_learned import PUFF, bright_cheeks, face_track

from faceanim.core.actor import Actor
from faceanim.core.clip import Clip
from faceanim.engine import watching
from faceanim.errors import FormatError, InputError
from faceanim.features.cuts import Cuts
from faceanim.formats import actor as actors_file
from faceanim.solve import actors, expression, learned
from faceanim.solve.expression import EXPRESSION

BRIGHT = np.full(50, 60)
BRIGHT[30:] = 200
SHOWN = face_track(50, BRIGHT)


def test_a_preset_survives_its_file(tmp_path):
    actor = replace(actors.at(SHOWN, 0.4), name="Änne", gains={"jawOpen": 1.5})
    actors_file.write(actor, tmp_path / "a.json")
    back = actors_file.read(tmp_path / "a.json")
    np.testing.assert_allclose(back.points, actor.points, atol=1e-4)
    np.testing.assert_array_equal(back.crops, actor.crops)
    assert back.name == "Änne" and back.gains == {"jawOpen": 1.5}


@pytest.mark.parametrize(
    "damage, told",
    [({"gains": {"jawOpenn": 1}}, "gains.jawOpenn"), ({"rest": {"points": [[0, 0, 0]], "pose": [0, 0, 0]}}, "points"),
     ({"gains": {"jawOpen": 9}}, "jawOpen"), ({"schema": "faceanim/style/1"}, "no actor")],
)  # fmt: skip
def test_a_damaged_preset_is_told(damage, told, tmp_path):
    value = actors_file.to_json(actors.at(SHOWN, 0.4)) | damage
    (tmp_path / "a.json").write_text(json.dumps(value))
    with pytest.raises(FormatError, match=told):
        actors_file.read(tmp_path / "a.json")


def test_an_actor_with_other_pictures_than_ours_is_refused(tmp_path):
    older = actors.at(SHOWN, 0.4)
    actors_file.write(older, tmp_path / "a.json")
    clip = Clip(video=tmp_path / "v.mp4", actor=tmp_path / "a.json")
    assert watching.actor_of(clip, SHOWN).crops.shape == older.crops.shape
    actors_file.write(replace(older, crops=older.crops[:9984]), tmp_path / "a.json")
    with pytest.raises(FormatError, match="another version"):
        watching.actor_of(clip, SHOWN)


def test_a_face_is_read_against_its_actors_rest():
    # most of the clip is bright, so that bright would be found to be its rest
    most = face_track(50, np.where(np.arange(50) < 5, 60, 200))
    actor = actors.at(most, 0.0)
    read = learned.predictor(bright_cheeks(), actor=actor)(most)
    assert read.expression[20:, PUFF] == pytest.approx(140 / 255, abs=0.04)
    with pytest.raises(InputError, match="no face"):
        actors.at(most, 9.0)


def test_gains_reach_the_whole_range():
    reading = learned.predictor(bright_cheeks(), actor=actors.at(SHOWN, 0.4))(SHOWN)
    actor = actors.with_range(actors.at(SHOWN, 0.4), reading)
    assert set(actor.gains) == {"cheekPuff"} and actor.gains["cheekPuff"] == pytest.approx(255 / 140, abs=0.1)
    more = actors.played(actor, learned.predictor(bright_cheeks(), actor=actor))(SHOWN)
    assert more.expression[40, PUFF] == pytest.approx(1, abs=0.05) and more.expression[10, PUFF] < 0.02


def test_without_the_network_an_actor_counts_too():
    still = actors.at(SHOWN, 0.0)
    points = still.points.copy()
    points[[61, 291], 1] += 0.05
    smiling = expression.measured(SHOWN, Actor(points, still.pose))
    assert np.abs(smiling.expression - expression.measured(SHOWN, still).expression).max() > 0.05


def test_a_shot_has_a_rest_of_its_own():
    shot = np.repeat([0, 1], 25)
    brightness = np.where(shot == 0, 60, 140)
    brightness[[10, 11, 40, 41]] += 50
    track = replace(face_track(50, brightness), shot=shot)
    read = expression.by_shot(track, learned.predictor(bright_cheeks()))
    assert read.expression[30, PUFF] < 0.02 < 0.1 < read.expression[40, PUFF]
    assert len(EXPRESSION) == read.expression.shape[1] and expression.spans(track) == [(0, 25), (25, 50)]


def test_cuts_are_seen_and_flashes_are_not():
    draw = np.random.default_rng(3)
    places = [np.repeat(np.repeat(draw.integers(0, 255, (8, 8, 3)), 30, 0), 40, 1).astype(np.uint8) for _ in range(2)]
    frames = [np.roll(places[0], k, 1) for k in range(20)] + [places[1]] * 10
    frames[10] = (frames[10] * 0.5).astype(np.uint8)
    frames[15] = np.zeros_like(frames[15])
    cuts = Cuts()
    assert [k for k, image in enumerate(frames) if cuts.seen(image)] == [20]
    # somebody comes in, but not before the face
    more = frames[0].copy()
    more[:, 160:] = places[1][:, 160:]
    for box, cut in ((None, True), (np.array([20, 20, 120, 200]), False)):
        cuts = Cuts()
        assert not cuts.seen(frames[0]) and cuts.seen(more, box) == cut


def test_what_a_clip_says_of_its_face():
    with pytest.raises(InputError, match="place"):
        Clip(video="v.mp4", face=(0.5, 1.5))
    with pytest.raises(InputError, match="outside"):
        Clip(video="v.mp4", start=2.0, neutral=1.0)
    with pytest.raises(InputError, match="both"):
        Clip(video="v.mp4", neutral=1.0, actor="a.json")
