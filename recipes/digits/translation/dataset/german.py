"""Digits read in pairs, as Germans read telephone numbers: the unit of each pair comes first."""

from .voices import DIGITS

UNITS = ("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun")
TEENS = (
    *("zehn", "elf", "zwölf", "dreizehn", "vierzehn"),
    *("fünfzehn", "sechzehn", "siebzehn", "achtzehn", "neunzehn"),
)
TENS = ("zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig")


def translate(text: str) -> str:
    """Return the German of English digits: ``four two seven`` is ``zweiundvierzig sieben``."""
    digits = [DIGITS.index(word) for word in text.split()]
    return " ".join(_read(digits[i : i + 2]) for i in range(0, len(digits), 2))


def _read(digits: list[int]) -> str:
    if len(digits) == 1 or digits[0] == 0:  # a pair that begins with zero is no number
        return " ".join(UNITS[digit] for digit in digits)
    ten, unit = digits
    if ten == 1:
        return TEENS[unit]
    if unit == 0:
        return TENS[ten - 2]
    return f"{'ein' if unit == 1 else UNITS[unit]}und{TENS[ten - 2]}"
