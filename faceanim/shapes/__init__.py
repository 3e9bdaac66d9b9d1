"""Face shapes on a head that has none: correspondence with a reference head, and transfer of its keys. Needs scipy."""
