"""Memory and log settings of the embedded PostgreSQL, worked out for the machine it runs on."""

import contextlib
import os
from pathlib import Path

_MB = 1024 * 1024
_THROW_AWAY = {
    "fsync": "off",
    "dynamic_shared_memory_type": "mmap",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "max_connections": "200",
    "log_min_messages": "error",
}
"""What a cluster may do without when nobody minds losing it."""
_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def machine_memory_mb() -> int:
    """Memory of this machine or container in MB."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for place in _CGROUP_LIMITS:
        with contextlib.suppress(OSError, ValueError):
            total = min(total, int(Path(place).read_text()))
    return max(total // _MB, 256)


def _shared_memory_is_small() -> bool:
    """Containers often get 64 MB of /dev/shm, too little for parallel queries."""
    try:
        info = os.statvfs("/dev/shm")  # noqa: S108 - asked for its size only
    except OSError:
        return True
    return info.f_frsize * info.f_blocks < 512 * _MB


def configuration(socket: Path, memory_mb: int, *, fsync: bool, warms: bool = False) -> str:
    """The text of ``guanxi.conf``. ``memory_mb`` is what the server may plan with; 0 means a quarter of the machine.

    Where it ``warms``, what was in memory is noted every five minutes and at the end, and read again after a start.
    """
    machine = machine_memory_mb()
    plan = memory_mb or machine // 4
    values: dict[str, str] = {
        "listen_addresses": "''",
        "unix_socket_directories": _quoted(str(socket)),
        "unix_socket_permissions": "0700",
        "max_connections": "100",
        "shared_buffers": f"{_between(plan, 32, 8192) if fsync else 128}MB",
        "effective_cache_size": f"{max(plan, machine // 2)}MB",
        "work_mem": f"{_between(plan // 100, 4, 64)}MB",
        "maintenance_work_mem": f"{_between(plan // 8, 32, 1024)}MB",
        "dynamic_shared_memory_type": "mmap" if _shared_memory_is_small() else "posix",
        "max_wal_size": "2GB",
        "max_slot_wal_keep_size": "4GB",
        "checkpoint_timeout": "15min",
        "wal_compression": "pglz",
        "random_page_cost": "1.1",
        "effective_io_concurrency": "64",
        "jit": "off",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
        "log_line_prefix": "'%m [%p] %a '",
        "log_min_duration_statement": "2s" if fsync else "-1",
        "log_checkpoints": "off",
        "log_autovacuum_min_duration": "1min",
        "lc_messages": "'C'",
    }
    if not fsync:
        values |= _THROW_AWAY
    elif warms:
        values |= {"shared_preload_libraries": "'pg_prewarm'"}
    lines = [f"{name} = {value}" for name, value in values.items()]
    return "# Written at every start. Own settings belong in own.conf beside this file.\n" + "\n".join(lines) + "\n"


def _between(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
