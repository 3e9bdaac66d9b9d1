"""models/face_measures: heads of known expression are rendered, a landmarker looks at them, a fit reads them back.

    python -m faceanim.train.face_measures --data DATA --renders FOLDER            renders, fits, writes weights.json
    python -m faceanim.train.face_measures --data DATA --renders FOLDER --score    the figures on the model's card
"""
