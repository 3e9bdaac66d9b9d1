"""The recipes of the models, one package each; no part of what is shipped."""
