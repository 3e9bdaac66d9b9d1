"""presets/visemes: the constants of lips and jaw, fitted to real mouths and to hand-labelled speech.

    python -m faceanim.train.mouths --data DATA                 fits, writes presets/visemes/default.json
    python -m faceanim.train.mouths --data DATA --score         the figures of the preset that is there
    python -m faceanim.train.mouths --data DATA --check clips   cross-validation over clips, or over words

Phones are those that the phone network hears without a text, and those that it lays a text to, half of the clips each,
so that the constants suit both. DATA holds grid/, video_speech/ and emodb/.
"""
