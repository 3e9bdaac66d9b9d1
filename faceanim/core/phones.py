"""IPA classes that the rest of the house asks about. Base symbols, without length, stress or voicing marks."""

BILABIAL = frozenset(("p", "b", "m", "ɓ", "ʙ", "ᵐb"))
"""The lips meet."""
LABIODENTAL = frozenset(("f", "v", "ɱ", "ʋ", "p͡f"))
"""The lower lip touches the upper teeth."""
SIBILANT = frozenset(("s", "z", "ʃ", "ʒ", "ɕ", "ʑ", "ʂ", "ʐ", "t͡s", "d͡z", "t͡ʃ", "d͡ʒ", "t͡ɕ", "d͡ʑ"))
"""The jaw is nearly closed."""

_MARKS = str.maketrans("", "", "ˈˌːˑʰʲʷˠˤ̩̯̃̊̚.")


def base(ipa: str) -> str:
    """The symbol without stress, length, aspiration, secondary articulation, nasalisation and syllabicity."""
    return ipa.translate(_MARKS)
