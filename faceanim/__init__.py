"""faceanim: a voice or a face video becomes facial animation on any rigged character."""
