"""Where pages live. One place builds every address, so that none is spelled twice."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from guanxi.core.schema.entity import Entity


def list_url(entity: Entity) -> str:
    """The list of an entity: ``/customers/``."""
    return f"/{entity.path}/"


def board_url(entity: Entity) -> str:
    """The board of an entity."""
    return f"/{entity.path}/board/"


def face_url(entity: Entity, kind: str) -> str:
    """The list of an entity in one of its kinds of view: list, board, calendar, funnel, outlook."""
    return list_url(entity) if kind == "list" else f"/{entity.path}/{kind}/"


def view_url(entity: Entity, view: Any) -> str:
    """A saved view, shown as it was saved."""
    given = {str(name): str(value) for name, value in (view.definition.get("given") or {}).items()}
    return f"{face_url(entity, str(view.definition.get('kind') or 'list'))}?{urlencode({'view': view.pk, **given})}"


def create_url(entity: Entity) -> str:
    """The form for a new record."""
    return f"/{entity.path}/new/"


def record_url(entity: Entity, record_id: Any) -> str:
    """The page of a record: ``/customers/12/``."""
    return f"/{entity.path}/{record_id}/"


def peek_url(entity: Entity, record_id: Any) -> str:
    """The same record for the side panel."""
    return f"/{entity.path}/{record_id}/peek/"
