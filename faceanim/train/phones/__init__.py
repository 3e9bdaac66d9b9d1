"""The phone network: corpora and synthesis make timed phones, prepare frames of them, train the weights.

`python -m faceanim.train.phones --data DATA --work FOLDER` does it all (see models/phones/card.md).
"""
