"""How long an editor waits for the findings of a keystroke, and for other answers."""
