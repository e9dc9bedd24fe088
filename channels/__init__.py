"""How does a text reach a vendor: one vendor per file, behind one small protocol."""
