"""Rules in force: the tables of a store were worked out by some numbers, and are by no others until they are rebuilt."""

from headcount.errors import BadInput
from headcount.kernel.rules import Rules
from headcount.store.open import Store


def require_same_rules(store: Store, rules: Rules) -> None:
    """Remember the rules by which the tables are worked out. Raises `BadInput` if they are others."""
    said = encode_rules(rules)
    known = store.projections.rules()
    if known is None:
        store.projections.set_rules(said)
    elif known != said:
        raise BadInput(
            f"the meetings in this store were worked out by other rules ({known} ms; now {said} ms):"
            " run 'headcount rebuild' with the new ones, or set them back"
        )


def encode_rules(rules: Rules) -> str:
    """The numbers of the rules that meetings depend on, as the store remembers them."""
    return ",".join(str(number) for number in rules[:3])


def decode_rules(said: str) -> Rules:
    """The rules that `encode_rules` wrote down."""
    return Rules(*(int(number) for number in said.split(",")))
