"""Sample data for the gallery of components at ``/dev/gallery/``."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from guanxi.core.kernel import clock
from guanxi.core.schema.fields import Field
from guanxi.core.schema.kinds import KINDS
from guanxi.core.web import cells, formats
from guanxi.core.web.inputs import Input, Option
from guanxi.core.web.toasts import toast

STAGES = (("new", "初步接触", "blue"), ("talk", "方案洽谈", "amber"), ("won", "赢单", "green"))
ENTRIES = [
    {"value": "+8613800138000", "written": "138 0013 8000", "label": "手机", "primary": True},
    {"value": "+861085712233", "written": "010-8571 2233", "label": "总机", "primary": False},
]


def sample_values() -> dict[str, Any]:
    """One believable value per kind."""
    now = clock.now()
    return {
        "text": "上海华诚精密机械有限公司",
        "long_text": "客户希望三月前完成试用。\n需要财务同事一起确认付款方式。",
        "rich_text": "<p>已寄出 <b>样品</b>，等待反馈。</p>",
        "integer": 1280,
        "decimal": Decimal("12345.60"),
        "percent": Decimal("35"),
        "money": (Decimal("1288000.00"), "CNY"),
        "date": (now + dt.timedelta(days=3)).date(),
        "datetime": now - dt.timedelta(minutes=42),
        "time": dt.time(9, 30),
        "choice": "talk",
        "choices": ["new", "won"],
        "boolean": True,
        "reference": 1,
        "references": [1],
        "user": 1,
        "region": "",
        "email": "lin.yue@example.com",
        "phone": "+8613800138000",
        "url": "https://www.example.com/products",
        "emails": [{"value": "lin.yue@example.com", "label": "", "primary": True}],
        "phones": ENTRIES,
        "urls": [{"value": "https://example.com", "label": "", "primary": True}],
        "addresses": [
            {"street": "南京西路 1266 号", "region": "", "postcode": "200040", "label": "总部", "primary": True}
        ],
        "table": [{"bank": "招商银行", "number": "6225 8888 0000 1234"}],
        "tags": [1, 2],
        "file": None,
        "image": None,
        "serial": "GX-2026-00042",
        "formula": Decimal("98.5"),
        "rollup": Decimal("7"),
    }


def sample_field(kind: str, label: str = "", **more: Any) -> Field:
    """A field of a kind, with choices where it needs them."""
    if kind in ("choice", "choices"):
        more["choices"] = tuple((key, text) for key, text, _color in STAGES)
    if kind == "table":
        more["columns"] = (
            Field(name="bank", kind="text", label="开户行"),
            Field(name="number", kind="text", label="账号"),
        )
    return Field(name=f"sample_{kind}", kind=kind, label=label or KINDS[kind].label, **more)


def sample_names() -> cells.Names:
    """Names for the sample ids."""
    return cells.Names(
        records={"": {1: cells.Named("华诚精密", url="#")}},
        users={1: cells.Named("林悦")},
        tags={1: cells.Named("重点", "red"), 2: cells.Named("展会", "teal")},
    )


def sample_inputs(values: dict[str, Any]) -> list[Input]:
    """A form field of every kind; one with an error, one with help."""
    options = [Option(key, text, color) for key, text, color in STAGES]
    return [
        Input(
            field=sample_field(kind, required=kind == "text", help="只用于通知。" if kind == "email" else ""),
            value=values[kind][0] if kind == "money" else values[kind],
            options=options if kind in ("choice", "choices") else (),
            chosen=[Option("1", "华诚精密")] if kind in ("reference", "references", "user", "tags") else (),
            errors=["“abc” 不是电话号码。"] if kind == "phone" else (),
            currency="CNY" if kind == "money" else "",
        )
        for kind in KINDS
    ]


def sample_timeline() -> list[dict[str, Any]]:
    """Three things that happened."""
    now = clock.now()
    happened = (
        ("phone", "green", "林悦", "电话", dt.timedelta(minutes=8), "确认了下周三上门演示。"),
        ("edit", "slate", "陈浩", "更新：阶段 初步接触 → 方案洽谈", dt.timedelta(days=1, hours=3), ""),
        ("mail", "blue", "林悦", "邮件", dt.timedelta(days=20), "发送了报价单。"),
    )
    return [
        {"id": "", "icon": icon, "color": color, "who": who, "what": what, "at": now - ago, "body": body}
        for icon, color, who, what, ago, body in happened
    ]


def samples() -> dict[str, Any]:
    """Everything the gallery shows."""
    values, names = sample_values(), sample_names()
    shown = [(kind, KINDS[kind].label, cells.compiled(sample_field(kind), names)(values[kind])) for kind in KINDS]
    return {
        "title": "Gallery",
        "cells": shown,
        "inputs": sample_inputs(values),
        "colors": formats.COLORS,
        "toasts": [toast("已保存 华诚精密", undo="#"), toast("没有权限删除这条记录。", level="error")],
        "stages": [
            {"key": "new", "label": "初步接触", "state": "done", "action": "#"},
            {"key": "talk", "label": "方案洽谈", "state": "now", "action": ""},
            {"key": "won", "label": "赢单", "state": "next", "action": "#"},
        ],
        "entries": sample_timeline(),
    }
