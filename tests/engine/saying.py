"""python saying.py OUT.wav "VOICE|TEXT" …: espeak-ng says texts one after another. In a process of its own, for its
library keeps one state."""

import ctypes
import sys
import wave

import espeakng_loader
import numpy as np

SYNCHRONOUS = 2
PAUSE_S = 0.35


def say(path: str, parts: list[str]) -> None:
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, str(espeakng_loader.get_data_path()).encode(), 0)
    said = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
    def take(samples, count, events):
        if samples and count > 0:
            said.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    library.espeak_SetSynthCallback(take)
    for voice, text in (part.split("|", 1) for part in parts):
        library.espeak_SetVoiceByName(voice.encode())
        raw = text.encode()
        library.espeak_Synth(ctypes.c_char_p(raw), len(raw) + 1, 0, 1, 0, 1, None, None)
        library.espeak_Synchronize()
        said.append(np.zeros(int(PAUSE_S * rate), np.int16))
    with wave.open(path, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(np.concatenate(said).tobytes())


if __name__ == "__main__":
    say(sys.argv[1], sys.argv[2:])
