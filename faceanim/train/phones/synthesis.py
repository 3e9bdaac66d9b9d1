"""Synthetic speech with the times of its phones: espeak-ng in many languages, flite's recorded English voices.

Needs `pip install espeakng-loader faker` and the program flite (Debian: flite). Texts are faker's words and names.
"""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ...core.phones import ARPABET
from ...features.mel import RATE, log_mel
from ...source import audio
from .labels import Utterance, utterance

LANGUAGES = {
    "en-us": "en_US", "en": "en_GB", "de": "de_DE", "fr": "fr_FR", "es": "es_ES", "it": "it_IT",
    "pt-br": "pt_BR", "nl": "nl_NL", "sv": "sv_SE", "da": "da_DK", "nb": "no_NO", "fi": "fi_FI", "pl": "pl_PL",
    "cs": "cs_CZ", "ru": "ru_RU", "uk": "uk_UA", "el": "el_GR", "hu": "hu_HU", "ro": "ro_RO", "tr": "tr_TR",
    "ar": "ar_AA", "fa": "fa_IR", "hi": "hi_IN", "cmn": "zh_CN", "ja": "ja_JP", "ko": "ko_KR", "id": "id_ID",
    "vi": "vi_VN",
}  # fmt: skip
"""espeak's voice: faker's language. `en` is British."""
WEIGHTS = {"de": 6.0, "en-us": 4.0, "es": 2.0, "cmn": 2.0, "ar": 2.0, "it": 2.0, "nl": 2.0}
HELD_LANGUAGES = ("ro", "fi", "fr", "en")
"""Training has no synthetic speech of these."""
VARIANTS = ("", "m1", "m2", "m3", "m5", "m6", "m7", "m8", "f1", "f2", "f3", "f5", "klatt", "klatt2", "klatt4", "klatt6",
            "Alex", "Andrea", "Andy", "Annie", "Denis", "Diogo", "Gene", "Henrique", "Hugo", "Jacky", "Lee", "Marco",
            "Michael", "Mike", "Nguyen", "adam", "anika", "antonio", "belinda", "benjamin", "boris", "caleb", "david",
            "ed", "edward", "grandma", "grandpa", "gustave", "ian", "iven", "john", "linda", "max", "miguel", "norbert",
            "pablo", "quincy", "rob", "robert", "sandro", "shelby", "steph", "steph2", "travis",
            "victor", "zac")  # fmt: skip
HELD_VARIANTS = ("m4", "f4", "Alicia", "Mario", "paul", "klatt3")
FLITE = ("kal16", "awb", "rms", "slt", "kal")
CLOSURE_EARLY = 0.1
"""espeak's pause before a plosive's burst is not the plosive's in its events."""
_PHONEMES, _IPA, _PHONEME_EVENT = 0x1, 0x2, 7
_RATE_PARAMETER, _PITCH, _RANGE = 1, 3, 4


class _Event(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("unique", ctypes.c_uint), ("text", ctypes.c_int), ("length", ctypes.c_int),
                ("audio_ms", ctypes.c_int), ("sample", ctypes.c_int), ("user", ctypes.c_void_p),
                ("id", ctypes.c_char * 8)]  # fmt: skip


class Espeak:
    """espeak-ng's library: text to sound at its own rate and the phones' times."""

    _CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))

    def __init__(self):
        import espeakng_loader

        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = str(espeakng_loader.get_data_path()).encode()
        # 2: synchronous, samples by callback
        self.rate = self._library.espeak_Initialize(2, 0, data, _PHONEMES | _IPA)
        self._sound: list[np.ndarray] = []
        self._events: list[tuple[float, str]] = []
        self._callback = self._CALLBACK(self._take)
        self._library.espeak_SetSynthCallback(self._callback)

    def _take(self, samples, count, events) -> int:
        if count > 0:
            self._sound.append(np.ctypeslib.as_array(samples, (count,)).copy())
        i = 0
        while events[i].type:
            if events[i].type == _PHONEME_EVENT:
                name = ctypes.string_at(ctypes.addressof(events[i]) + _Event.id.offset, 8).split(b"\0")[0]
                self._events.append((events[i].sample / self.rate, name.decode("utf-8", "ignore")))
            i += 1
        return 0

    def say(self, voice: str, text: str, speed: int, pitch: int, pitch_range: int):
        """(samples float32 at self.rate, phones (start s, end s, IPA)); None where there is no such voice."""
        if self._library.espeak_SetVoiceByName(voice.encode()):
            return None
        for parameter, value in ((_RATE_PARAMETER, speed), (_PITCH, pitch), (_RANGE, pitch_range)):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._sound, self._events = [], []
        line = text.encode() + b"\0"
        # 1: the text is UTF-8
        self._library.espeak_Synth(line, len(line), 0, 1, 0, 1, None, None)
        if not self._sound:
            return None
        sound = np.concatenate(self._sound).astype(np.float32) / 32768
        times = [t for t, _ in self._events] + [len(sound) / self.rate]
        return sound, [(a, b, name) for (a, name), b in zip(self._events, times[1:], strict=True)]


def espeak(hours: float, seed: int, held: bool = False, only: Sequence[str] = ()) -> Iterator[Utterance]:
    """Utterances of some ten seconds, named LANGUAGE+VARIANT.

    held: with the voices that training leaves out, and in the languages that it leaves out too
    only: in these languages, each as often
    """
    from scipy.signal import resample_poly

    rng, engine = np.random.default_rng(seed), Espeak()
    languages = list(only) or [k for k in LANGUAGES if held or k not in HELD_LANGUAGES]
    chance = np.array([1.0 if only else WEIGHTS.get(k, 1.0) for k in languages])
    made = 0.0
    while made < hours * 3600:
        language = str(rng.choice(languages, p=chance / chance.sum()))
        variant = str(rng.choice(HELD_VARIANTS if held else VARIANTS))
        said = engine.say(
            f"{language}+{variant}" if variant else language, text(language, rng), int(rng.integers(120, 260)),
            int(rng.integers(20, 85)), int(rng.integers(20, 90)),
        )  # fmt: skip
        if said is None:
            continue
        sound = resample_poly(said[0], 320, 441).astype(np.float32)
        made += len(sound) / RATE
        yield utterance(f"{language}+{variant}", log_mel(sound), said[1], CLOSURE_EARLY)


def flite(hours: float, seed: int) -> Iterator[Utterance]:
    """English by flite's voices, which are made from recordings. Named by voice."""
    rng, program, made = np.random.default_rng(seed), shutil.which("flite"), 0.0
    if program is None:
        raise SystemExit("flite is not installed: apt-get install flite")
    with tempfile.TemporaryDirectory() as folder:
        wave, line = Path(folder) / "said.wav", Path(folder) / "line.txt"
        while made < hours * 3600:
            line.write_text(text("en-us", rng), encoding="utf-8")
            voice = str(rng.choice(FLITE, p=[0.1, 0.25, 0.3, 0.3, 0.05]))
            stretch = rng.uniform(0.75, 1.25)
            command = [program, "-voice", voice, "--setf", f"duration_stretch={stretch:.2f}", "-psdur"]
            command += ["-f", str(line), "-o", str(wave)]
            out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            phones, start = [], 0.0
            for name, end in re.findall(r"(\w+):([\d.]+)", out):
                phones.append((start, float(end), ARPABET.get(name.upper(), "")))
                start = float(end)
            sound = audio.read(wave)
            made += len(sound) / RATE
            yield utterance(voice, log_mel(sound), phones)


_FAKERS: dict = {}


def text(language: str, rng: np.random.Generator) -> str:
    """Eight to sixteen words of a language, some of them names, with a pause here and there."""
    from faker import Faker

    name = LANGUAGES[language]
    if name not in _FAKERS:
        _FAKERS[name] = Faker(name)
    faker = _FAKERS[name]
    faker.seed_instance(int(rng.integers(1 << 31)))
    words: list[str] = []
    for _ in range(int(rng.integers(2, 5))):
        kind = rng.random()
        words.append(faker.sentence(nb_words=int(rng.integers(3, 7))).rstrip(".。") if kind < 0.6 else
                     faker.name() if kind < 0.8 else faker.city())  # fmt: skip
    return (", " if rng.random() < 0.4 else " ").join(words)
