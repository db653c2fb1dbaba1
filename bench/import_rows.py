"""Import a CSV file of customers and print rows per second, peak memory and size.

    python bench/import_rows.py --fresh [--rows 100000] [--undo] [--profile]

Makes the file (names, phones, mails, addresses, industries, owners; one row in fifty is faulty, one in forty repeats an
earlier one), brings it in as an administrator with full checks, rights, audit, events, search and match keys, and checks
that every row has exactly one outcome. ``--fresh`` starts an embedded database of its own in a folder that is removed
afterwards; else that of ``DATABASE_URL`` is used, and the rows stay unless they are undone.
"""

from __future__ import annotations

import argparse
import cProfile
import csv
import json
import os
import pstats
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import django
from django.db import connection, connections

SOURCES = str(Path(__file__).resolve().parent.parent / "src")
sys.path.insert(0, SOURCES)

from guanxi.runtime.postgres import EmbeddedPostgres  # noqa: E402 - the path is set first

SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华慧玲建国志红梅兰竹云飞宇浩然欣怡子轩梓涵思雨佳琪博"
CITIES = (
    "北京市",
    "上海市",
    "广州市",
    "深圳市",
    "杭州市",
    "成都市",
    "武汉市",
    "南京市",
    "西安市",
    "苏州市",
    "青岛市",
    "长沙市",
)
TRADES = (
    "科技",
    "贸易",
    "实业",
    "机械",
    "电子",
    "化工",
    "建材",
    "物流",
    "食品",
    "医药",
    "信息技术",
    "网络",
    "环保",
    "能源",
)
FORMS = ("有限公司", "股份有限公司", "有限责任公司", "集团有限公司")
HEADER = (
    "客户名称",
    "统一社会信用代码",
    "手机",
    "邮箱",
    "网址",
    "省市",
    "地址",
    "行业",
    "级别",
    "员工数",
    "成立年份",
    "年营业额",
    "备注",
    "外部编号",
)
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)


def credit_code(rng: random.Random) -> str:
    """A unified social credit code with a right check digit (GB 32100-2015)."""
    body = (
        "9144" + "".join(rng.choice("0123456789") for _ in range(4)) + "".join(rng.choice(ALPHABET) for _ in range(9))
    )
    total = sum(ALPHABET.index(sign) * weight for sign, weight in zip(body, WEIGHTS, strict=True))
    return body + ALPHABET[(31 - total % 31) % 31]


def write_file(path: Path, rows: int, seed: int = 7) -> None:
    """The file to import."""
    rng = random.Random(seed)  # noqa: S311 - data, not secrets
    industries = ("C35", "F51", "I65", "C26", "G54", "C13", "L72", "E47", "")
    with path.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(HEADER)
        earlier: list[list[str]] = []
        for number in range(rows):
            if number % 40 == 39:
                writer.writerow(rng.choice(earlier))
                continue
            city = rng.choice(CITIES)
            word = "".join(rng.choice(GIVEN) for _ in range(rng.randint(2, 4)))
            mail = f"u{number}@{rng.choice(('example.cn', 'firm.com.cn', 'qq.com', '163.com'))}"
            row = [
                f"{city[:2]}{word}{rng.choice(TRADES)}{rng.choice(FORMS)}",
                credit_code(rng) if rng.random() < 0.7 else "",
                f"1{rng.choice('3578')}{rng.randint(0, 9)}{rng.randint(0, 99999999):08d}",
                mail if number % 50 else "not an address",
                f"www.firm{number}.cn" if rng.random() < 0.3 else "",
                city,
                f"{rng.choice(GIVEN)}{rng.choice(GIVEN)}路{rng.randint(1, 999)}号",
                rng.choice(industries),
                rng.choice("ABCD").lower(),
                str(rng.randint(1, 5000)),
                str(rng.randint(1950, 2023)) if number % 51 else "abc",
                str(rng.randint(10, 99999) * 1000),
                rng.choice(("", "", "老客户介绍", "展会认识，需跟进")),
                f"X{number:07d}",
            ]
            if len(earlier) < 500:
                earlier.append(row)
            writer.writerow(row)


def memory_mb() -> float:
    """The most memory this process ever held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def own_seconds() -> float:
    """Processor seconds of this process and of those it has started and seen end."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


class Memory:
    """Looks, batch by batch, at the memory this process and its child really have (shared pages counted once)."""

    def __init__(self) -> None:
        self.most = 0.0
        self._called = 0
        # The database server is a child too when it is started here; its memory is not the import's.
        self._others = set(_children())

    def look(self, _run: object) -> None:
        """Keep the highest sum; each eighth time, for a look costs the kernel ten milliseconds."""
        self._called += 1
        if self._called % 8:
            return
        self.most = max(self.most, sum(_share(pid) for pid in ("self", *_children()) if pid not in self._others))


def _children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def _share(pid: str) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def server_seconds(backend: int) -> float:
    """Processor seconds of the other processes of the same server: checkpoints, WAL, vacuum, second connections."""
    try:
        parent = Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1]
        pids = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    except OSError:
        return 0.0
    return sum(backend_seconds(int(pid)) for pid in pids if int(pid) != backend)


def backend_seconds(pid: int) -> float:
    """Processor seconds of a PostgreSQL backend on this machine; 0 when it is elsewhere."""
    try:
        parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def database(*, fresh: bool) -> Iterator[None]:
    """Django over the database of the environment, or over a new embedded one that is gone afterwards."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guanxi.config.settings")
    os.environ.setdefault("GUANXI_SECRET_KEY", "bench")
    with ExitStack() as stack:
        if fresh:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="guanxi-bench-")))
            server = EmbeddedPostgres(folder / "pg", folder / "logs")
            server.start()
            stack.callback(server.stop)
            os.environ["DATABASE_URL"] = server.url()
            os.environ["GUANXI_DATA"] = str(folder / "data")
        if fresh:
            # By a process of its own: what migrating loads would count as the import's memory.
            command = [sys.executable, "-W", "ignore", "-m", "django", "migrate", "--verbosity", "0"]
            subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": SOURCES})  # noqa: S603 - our own words
            stack.callback(connections.close_all)
        django.setup()
        yield


def main() -> int:
    """Run the benchmark; exit code 1 when rows were lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--fresh", action="store_true", help="in an embedded database of its own")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--undo", action="store_true", help="take the import back and time that too")
    chosen = parser.parse_args()
    with database(fresh=chosen.fresh):
        return measure(chosen)


def measure(chosen: argparse.Namespace) -> int:
    """Bring the file in, print what it took; 1 when rows were lost."""

    from guanxi.core.access import actors  # noqa: PLC0415
    from guanxi.core.exchange import imports  # noqa: PLC0415
    from guanxi.core.exchange.options import Options  # noqa: PLC0415
    from guanxi.core.models import Role, User  # noqa: PLC0415
    from guanxi.core.records import seeds  # noqa: PLC0415
    from guanxi.core.records.search import index  # noqa: PLC0415

    seeds.load()

    user, _made = User.everything.get_or_create(username="bench", defaults={"name": "Bench"})
    user.roles.set(Role.objects.filter(key="administrator"))
    actor = actors.load(user, via="cli")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "customers.csv"
        write_file(path, chosen.rows, seed=int(time.time()))
        size = path.stat().st_size
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            backend = cursor.fetchone()[0]
        others, memory = server_seconds(backend), Memory()
        before = (own_seconds(), backend_seconds(backend))
        begun = time.monotonic()
        run = imports.import_stage(actor, content=path, entity="customers.customer")
        staged = time.monotonic()
        imports.import_configure(actor, run=run, options=Options(mode="create"))
        run = imports.import_start(actor, run=run)
        profile = cProfile.Profile()
        if chosen.profile:
            profile.enable()
        run = imports.import_run(actor, run=run, progress=memory.look)
        profile.disable()
        ended = time.monotonic()
        busy = (own_seconds() - before[0], backend_seconds(backend) - before[1])
        others = server_seconds(backend) - others
        search_before = (own_seconds(), backend_seconds(backend))
        indexed = index.catch_up()
        searching = time.monotonic() - ended
        search_busy = (own_seconds() - search_before[0], backend_seconds(backend) - search_before[1])
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        database = cursor.fetchone()[0]
    counts = imports.counts_of(run)
    result = {
        "rows": run.total, **counts, "mapping": {run.columns[int(i)]: t["field"] for i, t in run.mapping["columns"].items()},
        "stage_seconds": round(staged - begun, 2), "run_seconds": round(ended - staged, 2),
        "rows_per_second": round(run.total / (ended - begun)), "rows_per_second_run": round(run.total / (ended - staged)),
        "search_rows": indexed, "search_seconds": round(searching, 2),
        "search_python_cpu_ms_per_row": round(1000 * search_busy[0] / max(indexed, 1), 3),
        "search_postgres_cpu_ms_per_row": round(1000 * search_busy[1] / max(indexed, 1), 3),
        "other_postgres_cpu_seconds": round(others, 2),
        "python_cpu_seconds": round(busy[0], 2), "postgres_cpu_seconds": round(busy[1], 2),
        "python_cpu_ms_per_row": round(1000 * busy[0] / run.total, 3),
        "postgres_cpu_ms_per_row": round(1000 * busy[1] / run.total, 3), "load_average": os.getloadavg()[0],
        "peak_memory_mb": round(memory_mb()), "peak_memory_of_both_mb": round(memory.most), "file_mb": round(size / 1e6, 1), "database_mb": round(database / 1e6),
    }  # fmt: skip
    if chosen.undo:
        begun, before = time.monotonic(), (time.process_time(), backend_seconds(backend))
        undone = imports.import_undo(actor, run=run)
        result["undo_seconds"] = round(time.monotonic() - begun, 2)
        result["undo_python_cpu_seconds"] = round(time.process_time() - before[0], 2)
        result["undo_postgres_cpu_seconds"] = round(backend_seconds(backend) - before[1], 2)
        result["undone"] = undone.undone
    print(json.dumps(result, ensure_ascii=False, indent=1))
    if chosen.profile:
        pstats.Stats(profile, stream=sys.stdout).sort_stats("tottime").print_stats(60)
    return 0 if sum(counts.values()) == run.total else 1


if __name__ == "__main__":
    sys.exit(main())
