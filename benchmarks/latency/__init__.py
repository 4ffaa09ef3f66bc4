"""What a check costs, cold and warm, beside what other checkers cost and find."""
