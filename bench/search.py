"""How fast the global search is: fills an embedded database, then measures kinds of queries for kinds of users.

    python bench/search.py --customers 1000000 --contacts 3000000 --copies 4 --data var/bench-search

Rows are made with a fixed seed and loaded with COPY (triggers and foreign keys off), so that two runs compare. The
database stays in ``--data``; a second run with the same numbers uses it again. Target: p95 at most 100 ms for a user
with a limited scope, at 1 M customers and 3 M contacts.
"""

# ruff: noqa: PLC0415, S311 - Django is imported once the database runs; the data need no secret randomness

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

OWNERS = 400
BRAND = (
    "华中腾阿百京美字快拼为兴讯里度东团节手多宏远鑫盛达瑞丰恒信"
    "诚泰金银天海龙凤祥云志博创新凯迪康安宁和顺利通德隆昌永福源"
)
TRADES = (
    "科技 贸易 信息技术 实业 电子 机械 建筑工程 医药 食品 物流"
    " 网络科技 投资管理 教育咨询 文化传媒 新材料 环保科技 汽车配件"
)
CITIES = "北京 上海 广州 深圳 杭州 南京 苏州 成都 重庆 武汉 西安 天津 青岛 宁波 厦门 长沙 郑州 东莞 佛山 合肥"
FORMS = ("有限公司", "有限公司", "有限公司", "股份有限公司", "有限责任公司", "集团有限公司")
SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯"
    "曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆单"
)
GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华建国文辉玲"
    "红玉兰志海波宇浩然子涵欣怡梓轩雨桐思远嘉佳晓东雪梅春晨鹏飞"
)
ENGLISH = (
    "Acme Global Summit Vertex Apex Nova Orion Pioneer Quantum Stellar Atlas Beacon Cobalt Delta Everest Falcon Granite"
)


def firm(rng: random.Random, number: int) -> dict[str, Any]:
    """One customer's values."""
    brand = "".join(rng.choices(BRAND, k=rng.choice((2, 2, 3, 4))))
    city = rng.choice(CITIES.split()) if rng.random() < 0.7 else ""
    name = f"{city}{brand}{rng.choice(TRADES.split())}{rng.choice(FORMS)}"
    english = (
        f"{rng.choice(ENGLISH.split())} {rng.choice(ENGLISH.split())} {number % 977} Ltd" if rng.random() < 0.2 else ""
    )
    phone = f"+86755{rng.randrange(20000000, 89999999)}"
    return {
        "name": name,
        "english_name": english,
        "number": f"KH-{number:07d}",
        "phones": [{"value": phone, "written": phone, "label": "work", "primary": True}],
        "emails": [{"value": f"info@firm{number}.cn", "label": "work", "primary": True}] if rng.random() < 0.3 else [],
    }


def contact(rng: random.Random, number: int) -> dict[str, Any]:
    """One contact's values."""
    name = rng.choice(SURNAMES) + "".join(rng.choices(GIVEN, k=rng.choice((1, 2, 2))))
    phone = f"+861{rng.randrange(3000000000, 9999999999)}"
    local = f"{rng.choice(('zhang', 'li', 'wang', 'chen', 'liu'))}.{number}"
    domain = rng.choice(("qq.com", "163.com", "gmail.com", f"firm{number // 3}.cn"))
    return {
        "name": name,
        "phones": [{"value": phone, "written": phone, "label": "mobile", "primary": True}],
        "emails": [{"value": f"{local}@{domain}", "label": "work", "primary": True}] if rng.random() < 0.6 else [],
    }


def prepare(data: Path) -> Any:
    """Start the database and Django; returns the server."""
    from guanxi.runtime.postgres import EmbeddedPostgres

    server = EmbeddedPostgres(data / "pg", data / "logs")
    server.start()
    os.environ |= {
        "DATABASE_URL": server.url(),
        "GUANXI_DATA": str(data / "app"),
        "GUANXI_SECRET_KEY": "bench",
        "DJANGO_SETTINGS_MODULE": "guanxi.config.settings",
    }
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0, skip_checks=True)
    return server


def rows_of(model: Any, made: Iterable[tuple[int, dict[str, Any]]]) -> Iterator[list[Any]]:
    """Whole rows of a table: given values over the model's defaults, in the order of its columns."""
    from psycopg.types.json import Jsonb

    fields = model._meta.concrete_fields
    base = {field.attname: None if field.primary_key else field.get_default() for field in fields}
    lists = {field.attname for field in fields if field.get_internal_type() == "JSONField"}
    for pk, values in made:
        row = {**base, "id": pk, **values}
        yield [Jsonb(row[field.attname]) if field.attname in lists else row[field.attname] for field in fields]


def load(entity: Any, make: Callable[..., dict[str, Any]], count: int, extra: Callable[..., dict[str, Any]]) -> None:
    """Fill an entity's table and its search documents."""
    from django.db import connection

    from guanxi.core.records.search import index

    model = entity.model
    names = ", ".join(f'"{field.column}"' for field in model._meta.concrete_fields)
    connection.ensure_connection()
    raw = connection.connection
    step = 20_000
    started = time.perf_counter()
    for first in range(1, count + 1, step):
        rng = random.Random(f"{entity.key}{first}")
        made = [
            (number, {**make(rng, number), **extra(rng, number)})
            for number in range(first, min(first + step, count + 1))
        ]
        with raw.transaction(), raw.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            with cursor.copy(f"COPY {model._meta.db_table} ({names}) FROM STDIN") as copy:
                for row in rows_of(model, made):
                    copy.write_row(row)
            with cursor.copy(f"COPY core_search_doc ({', '.join(index.COLUMNS)}) FROM STDIN") as copy:
                for row in index.search_rows_for(entity, made):
                    copy.write_row(row)
        done = min(first + step - 1, count)
        print(f"\r{entity.key} {done:,} rows, {done / (time.perf_counter() - started):,.0f}/s", end="", flush=True)
    print()


def copied(entity: Any, count: int, copies: int) -> None:
    """Add ``copies - 1`` copies of every row and document, with ids of their own."""
    from django.db import connection, transaction

    columns = [f'"{field.column}"' for field in entity.model._meta.concrete_fields if not field.primary_key]
    for number in range(1, copies):
        shift = number * count
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(
                f"INSERT INTO {entity.table} (id, {', '.join(columns)}) SELECT id + {shift}, {', '.join(columns)}"
                f" FROM {entity.table} WHERE id <= {count}"
            )
            cursor.execute(
                f"INSERT INTO core_search_doc SELECT entity, record_id + {shift}, key, spell, tsv FROM core_search_doc"
                " WHERE entity = %s AND record_id <= %s",
                [entity.key, count],
            )


def fill(customers: int, contacts: int, copies: int) -> None:
    """Load both tables unless they are there in that size."""
    import datetime as dt

    from django.db import connection

    from guanxi.core.schema.registry import entity_of

    customer, person = entity_of("customers.customer"), entity_of("customers.contact")
    if (customer.model.objects.count(), person.model.objects.count()) == (customers, contacts):
        return
    now = dt.datetime.now(dt.UTC)

    def owned(rng: random.Random, number: int) -> dict[str, Any]:
        changed = now - dt.timedelta(seconds=rng.randrange(60_000_000))
        return {"owner_id": number % OWNERS + 1, "created_at": changed, "updated_at": changed, "path": "/"}

    def carried(rng: random.Random, number: int) -> dict[str, Any]:
        of = number % (customers // copies) + 1
        found = owned(rng, number)
        del found["path"]
        return {**found, "owner_id": None, "customer_id": of, "carrier_owner_id": of % OWNERS + 1}

    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX IF EXISTS search_doc_tsv")
        cursor.execute("TRUNCATE customers_customer, customers_contact, core_search_doc CASCADE")
    load(customer, firm, customers // copies, owned)
    load(person, contact, contacts // copies, carried)
    for entity, count in ((customer, customers), (person, contacts)):
        copied(entity, count // copies, copies)
    started = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SET maintenance_work_mem = '1GB'")
        cursor.execute("CREATE INDEX search_doc_tsv ON core_search_doc USING gin (tsv)")
        for table in ("core_search_doc", "customers_customer", "customers_contact"):
            cursor.execute(f"VACUUM ANALYZE {table}")
    print(f"index and statistics: {time.perf_counter() - started:.0f} s")


def queries(customers: int, contacts: int, count: int) -> dict[str, list[str]]:
    """Texts to search for, by kind; most of them exist."""
    from guanxi.core.kernel import pinyin
    from guanxi.core.schema.registry import entity_of

    rng = random.Random("queries")

    def some(key: str, most: int) -> list[dict[str, Any]]:
        chosen = rng.sample(range(1, most + 1), count)
        rows = entity_of(key).model.objects.filter(pk__in=chosen).order_by("pk").values()
        return list(rows)

    firms, people = some("customers.customer", customers), some("customers.contact", contacts)
    fragment = [one["phones"][0]["value"][3:] for one in people]
    return {
        "one character": [rng.choice(one["name"]) for one in firms],
        "two characters": [one["name"][2:4] for one in firms],
        "three characters": [one["name"][:3] for one in firms],
        "whole name": [one["name"] for one in firms],
        "name and city": [f"{one['name'][:2]} {one['name'][3:5]}" for one in firms],
        "frequent word": [rng.choice(TRADES.split()) for _ in range(count)],
        "person": [one["name"] for one in people],
        "surname": [one["name"][0] for one in people],
        "pinyin of a person": [pinyin.joined(one["name"]) for one in people],
        "pinyin, three letters": [pinyin.joined(one["name"])[:3] for one in people],
        "pinyin within a name": [pinyin.joined(one["name"][2:5]) for one in firms],
        "initials": [pinyin.initials(one["name"][:4]) for one in firms],
        "two initials": [pinyin.initials(one["name"][:2]) for one in people],
        "one letter": [rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(count)],
        "English name": [one["english_name"] for one in firms if one["english_name"]],
        "English word": [rng.choice(ENGLISH.split()) for _ in range(count)],
        "English beginning": [rng.choice(ENGLISH.split())[:3] for _ in range(count)],
        "phone": fragment,
        "phone, last four": [one[-4:] for one in fragment],
        "phone, within": [one[3:8] for one in fragment],
        "e-mail": [one["emails"][0]["value"] for one in people if one["emails"]],
        "e-mail, part": [one["emails"][0]["value"][2:12] for one in people if one["emails"]],
        "free mail's domain": ["@qq.com", "gmail.com", "163.com"],
        "serial number": [one["number"] for one in firms],
        "part of a number": [one["number"][-5:] for one in firms],
        "nothing has it": [f"{rng.choice('鳄鲸鹦')}{rng.choice('鹉鱼豚')}" for _ in range(count)],
    }


def actors() -> dict[str, Any]:
    """A user who sees his own records, one who sees a department's, one who sees all."""
    from guanxi.core.kernel.actor import Actor, Reach, Rights

    def seeing(reach: Reach) -> Any:
        rights = Rights(reach={key: {"view": reach} for key in ("customers.customer", "customers.contact")})
        return Actor(kind="user", user_id=1, name="bench", rights=rights, via="test")

    return {
        "own (0.25 %)": seeing(Reach(owners=frozenset({7}))),
        "department (6 %)": seeing(Reach(owners=frozenset(range(10, 34)))),
        "all": seeing(Reach(everyone=True, unowned=True)),
    }


def measure(customers: int, contacts: int, count: int) -> list[dict[str, Any]]:
    """One row per kind of user and query: times in milliseconds, hits on average."""
    from guanxi.core.records.search.query import search

    found = []
    texts = queries(customers, contacts, count)
    for who, actor in actors().items():
        for warm in ("华", "ab", "1380"):
            search(actor, warm)
        for kind, typed in texts.items():
            times, hits = [], 0
            for text in typed:
                start = time.perf_counter()
                hits += len(search(actor, text))
                times.append((time.perf_counter() - start) * 1000)
            times.sort()
            row = {
                "user": who,
                "query": kind,
                "p50": round(statistics.median(times), 1),
                "p95": round(times[min(len(times) - 1, int(len(times) * 0.95))], 1),
                "worst": round(times[-1], 1),
                "hits": round(hits / len(typed), 1),
            }
            found.append(row)
            print(f"{who:18} {kind:24} p50 {row['p50']:7.1f}  p95 {row['p95']:7.1f}", end="  ")
            print(f"worst {row['worst']:7.1f}  hits {row['hits']}")
    return found


def main() -> None:
    """Fill, measure, print; ``--json`` writes the figures to a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--contacts", type=int, default=3_000_000)
    parser.add_argument("--copies", type=int, default=1, help="load this part in Python, then copy it in SQL (faster)")
    parser.add_argument("--queries", type=int, default=40, help="of each kind")
    parser.add_argument("--data", type=Path, default=ROOT / "var" / "bench-search")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    options.data.mkdir(parents=True, exist_ok=True)
    server = prepare(options.data)
    try:
        fill(options.customers, options.contacts, options.copies)
        found = measure(options.customers, options.contacts, options.queries)
        if options.json:
            options.json.write_text(json.dumps(found, indent=1) + "\n")
        print(f"worst p95: {max(row['p95'] for row in found)} ms")
    finally:
        server.stop()


if __name__ == "__main__":
    main()
