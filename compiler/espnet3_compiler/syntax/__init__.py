"""From bytes to trees that know where they were written."""
