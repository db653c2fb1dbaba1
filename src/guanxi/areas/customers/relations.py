"""Typed relations between customers, and what each is called from the other side."""

from __future__ import annotations

#: Relation → how it reads from the other side. Relations that are not here, or added by an administrator, read alike.
REVERSE = {
    "supplier": "buyer",
    "buyer": "supplier",
    "referrer": "referred",
    "referred": "referrer",
    "agent": "principal",
    "principal": "agent",
    "investor": "invested",
    "invested": "investor",
    "guarantor": "guaranteed",
    "guaranteed": "guarantor",
}


def reverse(relation: str) -> str:
    """The relation as seen from the other customer: supplier → buyer, partner → partner."""
    return REVERSE.get(relation, relation)
