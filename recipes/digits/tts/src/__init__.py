"""Text to mel spectrum, mel spectrum to wave."""
