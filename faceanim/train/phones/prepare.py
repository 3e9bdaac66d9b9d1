"""All speech as frames: one .npz a corpus, utterances end to end."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from ...features.phone_classes import NAMES
from ...features.phones import Model
from ...nets import phones as nets
from . import corpora, free, noises, synthesis
from .labels import Utterance

TEST_SPEAKERS = ("13", "14")
TEST_SENTENCES = ("b09", "b10")
VALIDATION_SPEAKER = "12"
GRID_TEST_EVERY = 5
"""Every fifth GRID clip, in the order of their names, is kept out."""
HOURS = {"espeak": 4.0, "flite": 1.5, "espeak_test": 0.3, "languages_test": 0.5, "noises": 0.4}
LAUGHS = 1500
TABLE = ("en-us", "en", "de", "fr", "es", "it", "cmn", "ja", "ar", "da", "ro", "fi")
"""Languages of the card's table."""


def prepare(data: Path, speech: Path, work: Path, seed: int = 1) -> None:
    """Writes work/NAME.npz for every set that has times of its own and is not there yet; speech: of packages.fetch."""
    work.mkdir(parents=True, exist_ok=True)
    sets = {
        "emodb": lambda: _emodb(data, work),
        "grid": lambda: _grid(data, work),
        "russian": lambda: save(work / "russian.npz", free.russian(speech)),
        "espeak": lambda: save(work / "espeak.npz", synthesis.espeak(HOURS["espeak"], seed)),
        "espeak_test": lambda: save(
            work / "espeak_test.npz", synthesis.espeak(HOURS["espeak_test"], seed + 1, held=True)
        ),
        "languages_test": lambda: save(
            work / "languages_test.npz", synthesis.espeak(HOURS["languages_test"], seed + 4, True, TABLE)
        ),
        "noises": lambda: save(work / "noises.npz", noises.noises(HOURS["noises"], seed + 3)),
        "flite": lambda: save(work / "flite.npz", synthesis.flite(HOURS["flite"], seed + 2)),
    }
    for name, make in sets.items():
        if not (work / f"{name}.npz").exists():
            print(f"preparing {name}", flush=True)
            make()


def place(speech: Path, work: Path, recipe: str = "start") -> None:
    """Writes work/NAME.npz of the recordings that have texts but no times: work/RECIPE.pt finds them."""
    left = [name for name in free.CORPORA if not (work / f"{name}.npz").exists()]
    net = nets.PhoneNet(len(NAMES))
    net.load_state_dict(torch.load(work / f"{recipe}.pt"))
    even = np.zeros(len(NAMES))
    model = Model(nets.predictor(nets.arrays(net)), even, even)
    for name in left:
        print(f"placing {name}", flush=True)
        save(work / f"{name}.npz", free.aligned(free.CORPORA[name](speech), model))
    if not (work / "laughs.npz").exists():
        voices = [u for name in ("prompts", "games", "stamps") for u in load(work / f"{name}.npz")]
        save(work / "laughs.npz", noises.laughs(voices, LAUGHS, 9))


def _emodb(data: Path, work: Path) -> None:
    """Training: no test or validation speaker, no test sentence; the training speakers' test sentences apart."""
    sets: dict[str, list[Utterance]] = {"emodb_sentences": [], "emodb_validation": [], "emodb_test": [], "emodb": []}
    for row, found in corpora.emodb(data / "emodb"):
        name = "emodb"
        if row["speaker"] in TEST_SPEAKERS:
            name = "emodb_test"
        elif row["speaker"] == VALIDATION_SPEAKER:
            name = "emodb_validation"
        elif row["sentence"] in TEST_SENTENCES:
            name = "emodb_sentences"
        sets[name].append(found)
    for name, found in sets.items():
        save(work / f"{name}.npz", found)


def _grid(data: Path, work: Path) -> None:
    found = [u for _, u in sorted(corpora.grid(data / "grid"), key=lambda item: item[0])]
    held = set(held_grid_clips(data))
    save(work / "grid_test.npz", [u for u in found if u.name in held])
    save(work / "grid.npz", [u for u in found if u.name not in held])


def held_grid_clips(data: Path) -> list[str]:
    """GRID's clips that no training sees."""
    return sorted(p.stem for p in (data / "grid" / "clips").glob("*.mkv"))[::GRID_TEST_EVERY]


def save(path: Path, utterances: Iterable[Utterance]) -> None:
    """names, offsets int64 (N + 1,), mel float16 (frames, bands), sound and voice int8 (frames,)."""
    found = list(utterances)
    offsets = np.cumsum([0, *(len(u.mel) for u in found)])
    temporary = path.with_suffix(".part.npz")
    np.savez(
        temporary, names=np.array([u.name for u in found]), offsets=offsets,
        mel=np.concatenate([u.mel.astype(np.float16) for u in found]),
        sound=np.concatenate([u.sound for u in found]), voice=np.concatenate([u.voice for u in found]),
    )  # fmt: skip
    temporary.replace(path)
    print(f"{path.name}: {len(found)} utterances, {offsets[-1] / 360000:.2f} h", flush=True)


def load(path: Path) -> list[Utterance]:
    """What `save` wrote."""
    with np.load(path) as z:
        arrays = {name: z[name] for name in z.files}
    spans = zip(arrays["offsets"][:-1], arrays["offsets"][1:], strict=True)
    return [
        Utterance(str(name), *(arrays[key][a:b] for key in ("mel", "sound", "voice")))
        for name, (a, b) in zip(arrays["names"], spans, strict=True)
    ]
