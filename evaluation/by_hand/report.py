"""The shares of what was said to mistakes by hand, and every report that is not perfect."""

from collections.abc import Sequence

from evaluation.by_hand.trial import WAYS, HandVerdict

UNSEEN = "unseen"
"""The file of mistakes whose writers had not seen the checker."""


def summaries(verdicts: Sequence[HandVerdict]) -> str:
    """Return the shares: a line for mistakes of people who knew the checker, one for the others."""
    others = [item for item in verdicts if item.mistake.theme == UNSEEN]
    known = [item for item in verdicts if item.mistake.theme != UNSEEN]
    return f"{summary(known, 'by hand')}\n{summary(others, UNSEEN)}"


def summary(verdicts: Sequence[HandVerdict], name: str) -> str:
    """Return the shares in one line."""
    bad = [item for item in verdicts if not item.mistake.good]
    said = [item for item in bad if item.findings]
    ways = [way for way in WAYS if any(item.by == way for item in bad)]
    fixes = [item.fix for item in said if item.fix is not None]
    alarms = sum(item.mistake.good and bool(item.findings) for item in verdicts)
    parts = [
        f"{len(bad)} {name}",
        f"said {_share([bool(item.findings) for item in bad])}",
        *(f"by {way} {_share([item.by == way for item in bad])}" for way in ways),
        f"exact place {_share([item.exact for item in said])}",
        f"fix named {_share(fixes)}",
        f"one finding {_share([len(item.findings) == 1 for item in said])}",
        f"false alarms {alarms} of {len(verdicts) - len(bad)}",
    ]
    return "  ".join(parts)


def show(verdicts: Sequence[HandVerdict]) -> None:
    """Print every mistake that was missed, misplaced or told twice, and every false alarm."""
    for item in verdicts:
        perfect = item.exact and item.fix is not False and len(item.findings) == 1
        if perfect or (item.mistake.good and not item.findings):
            continue
        state = f"by={item.by or 'nobody'} exact={item.exact} fix={item.fix}"
        print(f"\n=== {item.mistake.recipe}: {item.mistake.what} {state}")
        for finding in item.findings:
            place = finding["primary"]["place"]
            where = f"{place['source']}:{place['start']['line']}:{place['start']['column']}"
            print(f"{finding['code']} {where} {finding['message']}", *finding["help"], sep="\n    ")


def _share(values: Sequence[bool]) -> str:
    return f"{100 * sum(values) / len(values):.1f}%" if values else "-"
