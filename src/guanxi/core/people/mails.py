"""Mails to a person about his own account, in his language; they hold nothing but what he needs."""

from __future__ import annotations

from typing import Literal

from django.core.mail import EmailMessage
from django.utils import translation
from django.utils.translation import gettext as _

from guanxi.core.models import User


def link_mail(user: User, purpose: Literal["invite", "reset"], address: str) -> EmailMessage:
    """The mail with an invitation or reset link."""
    with translation.override(user.language):
        if purpose == "invite":
            subject = _("Your account in Guanxi")
            text = _(
                "Hello %(name)s,\n\nan account was made for you. Your login name is %(login)s.\n"
                "Choose a password here; the link works once, within seven days:\n\n%(address)s\n"
            )
        else:
            subject = _("A new password for Guanxi")
            text = _(
                "Hello %(name)s,\n\nsomebody asked for a new password for your account %(login)s.\n"
                "Choose it here; the link works once, within two hours:\n\n%(address)s\n\n"
                "If it was not you, do nothing: the old password stays.\n"
            )
        body = text % {"name": user.name, "login": user.username, "address": address}
        return EmailMessage(subject=subject, body=body, to=[user.email])
