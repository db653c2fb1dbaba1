"""Values that break careless code: too large, too long, of another kind, half a character, somebody's attempt."""

from __future__ import annotations

import json
import random
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

TEXTS = (
    "", " ", "\t\n", "0", "-1", "-0", "1e309", "1e-400", "NaN", "Infinity", "-Infinity", "٣٤", "１２３", "½", "1,234.56", "0x10", "1_000",
    "2147483648", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "9" * 40, "9" * 5000, "0." + "1" * 400, "1e1000000",
    "null", "None", "true", "undefined", "[]", "{}", "[[[[[[", '{"all": []}', '{"any": [{"field": "x", "op": "eq"}]}', '{"all": [{"field": "id", "op": "in", "value": [[]]}]}',
    "\x00", "a\x00b", "\ud800", "\udfff text", "\ufeff", "\u202e\u2066", "e\u0301" * 50, "👨‍👩‍👧‍👦", "𠮷野家", "关系" * 3000, "a" * 100_000, "%", "%s%s%n", "%(x)s", "{0}", "{{7*7}}", "{% include 'x' %}", "${7*7}",
    "' OR 1=1 --", '"; DROP TABLE core_user; --', "\\", "\\'", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "javascript:alert(1)", "//evil.example/", "http://[::1", "http://127.0.0.1:1/", "https://" + "a" * 300 + ".example",
    "../../etc/passwd", "..\\..\\x", "C:\\x", "file:///etc/passwd", "=1+1", "=cmd|' /C calc'!A0", "@SUM(1)", "a@b", "a@b.c" * 50, "@", "+86", "+" + "9" * 30, "13800138000", "((((((((((a+)+)+)+)+)", "(a" * 200, "[" * 300, "^(a|a?)+$",
    "2026-02-30", "0000-00-00", "9999-12-31", "10000-01-01", "0001-01-01", "-0001-01-01", "2026-13-01", "2026-01-01T25:61:61", "9999-12-31T23:59:59+14:00", "0001-01-01T00:00:00-14:00", "24:00", "2026-W01", "2026-01-01/", "tomorrow", "-P1Y",
    "\r\nSet-Cookie: x=1", "\x1b[31m", "\x7f", "\x85", "\u2028", "a,b,c", "a;b", "a|b", "me", "my department", "current_user", "__class__", "__init__.__globals__", "id", "pk", "-id", "owner__password", "owner.password", "custom.x", "customer.customer.customer.customer", "size(1)", "1/0", "'a'+1", "a.b.c.d", "matches('a','(a+)+$')", "x" * 63, "x" * 64, "x" * 256,
)  # fmt: skip

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**30, 1.5, -0.0, 1e308, [], {}, [[]], [None], [1, "a", None], {"": ""},
    {"id": {"id": 1}}, ["x"] * 2000, [[[[[[[[]]]]]]]], {"a": {"b": {"c": {"d": {}}}}}, [{"id": -1}], [{"id": "x"}], {"amount": "x", "currency": "XXX"}, {"amount": 1e300, "currency": "CNY"}, {"field": "id", "op": "eq", "value": {}},
)  # fmt: skip

_RAW = (
    b"", b"{", b"[", b"null", b"1", b'"x"', b"\xff\xfe", b"\x00", b"[" * 20_000, b'{"a":' * 5_000, b'{"name": NaN}', b'{"name": 1e999}', b'{"a": "\\ud800"}', b'{"name": "a", "name": "b"}', b"name=1&x=2", b"<xml/>", b"\xef\xbb\xbf{}",
)  # fmt: skip

_FILES = (
    ("", b""), ("x", b"x"), ("x.csv", b""), ("x.csv", b"\x00" * 5000), ("x.csv", b'a,b\n"1'), ("x.csv", b"\xff\xfe\x00a"), ("x.csv", "名称,手机\n甲,1\n".encode("gb18030")), ("x.csv", b"a" * 300_000), ("x.csv", b"a," * 20_000 + b"\n1"),
    ("x.xlsx", b"PK\x03\x04"), ("x.xlsx", b"not a zip"), ("x.json", b"{"), ("x.json", b"[" * 50_000), ("x.json", b'[{"a": 1}, 2]'), ("x.vcf", b"BEGIN:VCARD\nVERSION:9\n"), ("x.vcf", b"BEGIN:VCARD\nN:;;;;;;;;;;\nEND:VCARD"),
    ("x.png", b"\x89PNG\r\n\x1a\n"), ("x.png", b"x"), ("x.svg", b"<svg onload=alert(1)>"), ("x.html", b"<script>1</script>"), ("a" * 300 + ".pdf", b"%PDF-1.4"), ("../../x", b"x"), ("x\x00.csv", b"x"), ("名" * 200, b"x"), ("x.ics", b"BEGIN:VCALENDAR"), ("x.eml", b"From: x\n\n"),
)  # fmt: skip


def bad_text(chance: random.Random) -> str:
    """One text of the list, or two put together, or a piece of chance."""
    drawn = chance.random()
    if drawn < 0.8:
        return chance.choice(TEXTS)
    if drawn < 0.9:
        return chance.choice(TEXTS)[:2000] + chance.choice(TEXTS)[:2000]
    if drawn < 0.95:
        return str(chance.randint(-(10**12), 10**12))
    return "".join(
        chr(chance.choice((chance.randint(1, 255), chance.randint(0x4E00, 0x9FFF), chance.randint(0x1F300, 0x1FAFF))))
        for _each in range(chance.randint(1, 60))
    )


def bad_upload(chance: random.Random) -> Any:
    """A file that is not what it says, or no file at all."""
    if chance.random() < 0.1:
        return [bad_text(chance)]
    name, content = chance.choice(_FILES)
    return SimpleUploadedFile(
        name or "x",
        content,
        content_type=chance.choice(("text/csv", "image/png", "application/octet-stream", "text/html", "x")),
    )


def bad_value(chance: random.Random) -> Any:
    """A value for JSON."""
    return chance.choice(VALUES) if chance.random() < 0.55 else _sendable(bad_text(chance))


def _sendable(text: str) -> str:
    return text


def bad_body(names: dict[str, Any], chance: random.Random) -> Any:
    """A body for an operation whose fields are ``names`` with a plausible value each; now and then no JSON at all."""
    drawn = chance.random()
    if drawn < 0.08:
        return chance.choice(_RAW)
    if drawn < 0.14:
        return chance.choice(VALUES)
    body = dict(names)
    for name in chance.sample(list(body), min(len(body), chance.choice((1, 1, 2, 4, len(body))))):
        if chance.random() < 0.15:
            body.pop(name)
        else:
            body[name] = bad_value(chance)
    if chance.random() < 0.15:
        body[bad_text(chance)[:80]] = bad_value(chance)
    return json.loads(json.dumps(body, default=str))
