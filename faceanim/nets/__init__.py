"""The torch modules; weights come to them as arrays."""
