"""Features to layers, and layers to one Track."""
