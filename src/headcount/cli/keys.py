"""Commands for those who look: a link to the dashboard."""

import click

from headcount.cli.console import echo
from headcount.cli.group import main
from headcount.cli.serve import audit, database_option, store_of
from headcount.settings import Settings, url_of


@main.command("dashboard-link")
@database_option
@click.option("--domain", default="default", show_default=True, help="Whose meetings are to be seen.")
@click.option("--viewer", is_flag=True, help="For looking only; otherwise for changing things, too.")
def dashboard_link(*, settings: Settings, domain: str, viewer: bool) -> None:
    """Print a link that signs one browser in, once, within the hour."""
    from headcount.clock import Clock  # noqa: PLC0415 - help does not need it
    from headcount.store.credentials import Role, fresh_secret  # noqa: PLC0415 - likewise
    from headcount.telemetry.logging import security_event  # noqa: PLC0415 - likewise

    audit(settings)
    store = store_of(settings)
    secret = fresh_secret()
    role = Role.VIEWER if viewer else Role.ADMIN
    store.passes.make_link(domain, role, "link", Clock().now(), secret)
    security_event("sign_in_link_created", domain=domain, role=str(role))
    store.close()
    where = settings["public_url"].rstrip("/") or url_of(settings["host"], settings["port"])
    echo(f"{where}/dashboard/sign-in?link={secret}")
