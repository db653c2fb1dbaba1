"""``guanxi user`` and ``guanxi token``: people and their tokens from the console, acting as the system."""

import json
from datetime import timedelta
from typing import Any

import click

from guanxi.core.cli.workspace import load, workspace
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

_MODELS = "guanxi.core.models"
_JSON = click.option("--json", "as_json", is_flag=True, help=_("Print the result as JSON."))


def _actor() -> Actor:
    return system_actor("guanxi", via="cli")


def _find(name: str) -> Any:
    model: Any = load(f"{_MODELS}.people:User")
    found = model.objects.filter(username__iexact=name).first() or model.objects.filter(email__iexact=name).first()
    if found is None:
        raise Trouble(_("There is no user called %(name)s.") % {"name": name})
    return found


def _print(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, default=str))
        return
    if not rows:
        click.echo(_("Nobody and nothing."))
        return
    names = list(rows[0])
    widths = [max(len(name), *(len(str(row[name])) for row in rows)) for name in names]
    for line in [dict(zip(names, names, strict=True)), *rows]:
        click.echo("  ".join(str(line[name]).ljust(width) for name, width in zip(names, widths, strict=True)).rstrip())


@click.group(help=_("People who sign in."))
def user() -> None:
    """Commands about users."""


@user.command("list", help=_("List the users."))
@_JSON
def user_list(as_json: bool) -> None:
    """All users that are not in the trash."""
    with workspace():
        model: Any = load(f"{_MODELS}.people:User")
        rows = [
            {
                "username": each.username,
                "name": each.name,
                "email": each.email,
                "roles": ",".join(role.key for role in each.roles.all()),
                "active": each.is_active,
                "last_login": each.last_login.isoformat(timespec="seconds") if each.last_login else "",
            }
            for each in model.objects.prefetch_related("roles").order_by("username")
        ]
        _print(rows, as_json)


@user.command("create", help=_("Create a user and print the link with which to set a password."))
@click.argument("username")
@click.option("--email", default="", help=_("E-mail address."))
@click.option("--name", default="", help=_("Name to show; else the login name."))
@click.option("--role", "roles", multiple=True, help=_("Key of a role; may be given several times."))
@_JSON
def user_create(username: str, email: str, name: str, roles: tuple[str, ...], as_json: bool) -> None:
    """A new user with an invitation link."""
    with workspace():
        role_model: Any = load(f"{_MODELS}.people:Role")
        chosen = list(role_model.objects.filter(key__in=roles))
        for unknown in set(roles) - {role.key for role in chosen}:
            known = ", ".join(role_model.objects.order_by("key").values_list("key", flat=True))
            raise Trouble(
                _("There is no role called %(name)s. There are: %(known)s.") % {"name": unknown, "known": known}
            )
        values = {"username": username, "email": email, "name": name or username}
        made = load("guanxi.core.people.users:user_create")(_actor(), values=values)
        if chosen:
            load("guanxi.core.people.users:user_roles_set")(_actor(), made, chosen)
        link = load("guanxi.core.people.links:link_create")(_actor(), made, "invite")
        click.echo(json.dumps({"username": made.username, "link": link}) if as_json else link)


@user.command("deactivate", help=_("Lock a user out: sessions and tokens end at once."))
@click.argument("username")
def user_deactivate(username: str) -> None:
    """Deactivate a user."""
    with workspace():
        load("guanxi.core.people.users:user_deactivate")(_actor(), _find(username))
        click.echo(_("%(name)s can no longer sign in.") % {"name": username})


def _link(username: str, purpose: str, as_json: bool) -> None:
    with workspace():
        link = load("guanxi.core.people.links:link_create")(_actor(), _find(username), purpose)
        click.echo(json.dumps({"username": username, "link": link}) if as_json else link)


@user.command("invite", help=_("Print a one-time link with which a new user sets a password."))
@click.argument("username")
@_JSON
def user_invite(username: str, as_json: bool) -> None:
    """A fresh invitation link."""
    _link(username, "invite", as_json)


@user.command("reset-link", help=_("Print a one-time link with which a user sets a new password."))
@click.argument("username")
@_JSON
def user_reset_link(username: str, as_json: bool) -> None:
    """A link for a new password."""
    _link(username, "reset", as_json)


@click.group(help=_("Tokens for programs."))
def token() -> None:
    """Commands about tokens."""


@token.command("create", help=_("Make a token for a user; its secret is shown once."))
@click.argument("username")
@click.option("--name", required=True, help=_("What the token is for."))
@click.option("--scopes", default="read", help=_("What it may do: read, write, … with commas."))
@click.option("--days", type=click.IntRange(1, 1825), help=_("Days until it ends; else it does not."))
@_JSON
def token_create(username: str, name: str, scopes: str, days: int | None, as_json: bool) -> None:
    """Print the secret, or ``{"token": …}``."""
    with workspace():
        made, secret = load("guanxi.core.people.tokens:token_create")(
            _actor(),
            _find(username),
            name=name,
            scopes=[part.strip() for part in scopes.split(",") if part.strip()],
            expires_at=clock.now() + timedelta(days=days) if days else None,
        )
        click.echo(json.dumps({"token": secret, "id": made.pk}) if as_json else secret)


@token.command("list", help=_("List tokens, of one user or of all."))
@click.argument("username", required=False)
@_JSON
def token_list(username: str | None, as_json: bool) -> None:
    """Tokens without their secrets."""
    with workspace():
        state = load("guanxi.core.people.tokens:token_state")
        found = load("guanxi.core.people.tokens:tokens_of")(_actor(), _find(username) if username else None)
        rows = [
            {
                "id": each.pk,
                "user": each.user.username,
                "name": each.name,
                "scopes": ",".join(each.scopes),
                "state": state(each),
                "last_used": each.last_used_at or "",
            }
            for each in found
        ]
        _print(rows, as_json)


@token.command("revoke", help=_("End a token at once."))
@click.argument("number", type=int)
def token_revoke(number: int) -> None:
    """Revoke by the number ``token list`` shows."""
    with workspace():
        model: Any = load(f"{_MODELS}.people:ApiToken")
        found = model.objects.select_related("user").filter(pk=number).first()
        if found is None:
            raise Trouble(_("There is no token number %(number)s.") % {"number": number})
        load("guanxi.core.people.tokens:token_revoke")(_actor(), found)
        click.echo(_("The token has ended."))
