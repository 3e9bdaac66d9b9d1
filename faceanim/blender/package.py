"""The add-on's id: the root package's name, whatever repository it was installed from."""

# In the zip this package is bl_ext.REPOSITORY.faceanim.faceanim.blender, in a checkout faceanim.blender.
BASE = __package__.rsplit(".", 2)[0] if __package__.count(".") > 1 else __package__.split(".")[0]
