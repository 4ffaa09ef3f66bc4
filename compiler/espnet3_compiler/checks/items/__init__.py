"""What the fields of an item are, as far as the code that makes them says it plainly."""
