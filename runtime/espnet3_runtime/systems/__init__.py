"""The systems that ship."""
