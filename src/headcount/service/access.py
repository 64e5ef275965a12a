"""Initial access: API keys and sign-in links that are created outside of a request.

Responsible for drawing their secrets and for the security log. Must not know how they are checked.
"""

from headcount.clock import Clock
from headcount.store.credentials import Key, Role, new_secret
from headcount.store.open import Store
from headcount.telemetry.logging import security_event


def create_key(
    store: Store, domain: str, name: str, scopes: tuple[str, ...], clock: Clock
) -> tuple[Key, str]:
    """Create an API key; return it with its text, which is not stored."""
    key, text = store.keys.create(domain, name, scopes, clock.now(), new_secret())
    security_event("key_created", domain=domain, created_key_id=key.id, scopes=sorted(scopes))
    return key, text


def create_first_key(store: Store, domain: str, clock: Clock) -> tuple[Key, str] | None:
    """Create an admin key if the store has no key at all, else return None."""
    if store.keys.all():
        return None
    return create_key(store, domain, "first key", ("admin",), clock)


def create_sign_in_link(store: Store, url: str, domain: str, role: Role, clock: Clock) -> str:
    """Return a one-time sign-in link, valid for one hour, below the server's `url`."""
    secret = new_secret()
    store.access_tokens.create_link(domain, role, "link", clock.now(), secret)
    security_event("sign_in_link_created", domain=domain, role=str(role))
    return f"{url.rstrip('/')}/dashboard/sign-in?link={secret}"
