"""Rules in force: the thresholds that the projections of a store follow.

Responsible for recording them and for refusing others until the projections are rebuilt.
Must not know what the thresholds mean.
"""

from headcount.errors import BadInput
from headcount.kernel.rules import Rules
from headcount.store.open import Store


def require_same_rules(store: Store, rules: Rules) -> None:
    """Record the rules that the projections follow. Raise `BadInput` if the store has others."""
    text = encode_rules(rules)
    known = store.projections.rules()
    if known is None:
        store.projections.set_rules(text)
    elif known != text:
        raise BadInput(
            f"the meetings in this database were derived with other rules ({known} ms; now {text} ms):"
            " run 'headcount rebuild' with the new rules, or restore the old ones"
        )


def encode_rules(rules: Rules) -> str:
    """Return the thresholds that meetings depend on, in ms, as the store records them."""
    return ",".join(str(number) for number in rules[:3])


def decode_rules(text: str) -> Rules:
    """Return the rules that `encode_rules` wrote."""
    return Rules(*(int(number) for number in text.split(",")))
