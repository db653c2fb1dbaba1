"""Structured log lines on standard error, each with the id of the request or job it belongs to."""

import contextvars
import json
import logging
import logging.config
import time
from datetime import UTC, datetime

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("guanxi_request_id", default="")
"""Id of the request or job being worked on; empty outside of one. Error pages show it."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "request", "server_time"}


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time (UTC), level, logger, message, request_id, extra fields, exception."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id.get():
            line["request_id"] = request_id.get()
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class TextFormatter(logging.Formatter):
    """The same for a person: time, level, request id, logger and message."""

    converter = time.gmtime  # type: ignore[assignment]

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of text, with a traceback below when there is one."""
        extra = " ".join(f"{name}={value}" for name, value in vars(record).items() if name not in _STANDARD)
        stamp = self.formatTime(record, "%H:%M:%S")
        head = f"{stamp} {record.levelname.lower():7} {request_id.get() or '-'} {record.name}:"
        line = f"{head} {record.getMessage()} {extra}".rstrip()
        return line + ("\n" + self.formatException(record.exc_info) if record.exc_info else "")


def configuration(log_format: str, level: str) -> dict[str, object]:
    """The ``logging.config`` dictionary for ``json`` or ``text`` lines from ``level`` up."""
    formatter = JsonFormatter if log_format == "json" else TextFormatter
    quiet = {"level": "WARNING"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": f"{formatter.__module__}.{formatter.__name__}"}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": level.upper()},
        "loggers": {
            "_granian": {"level": "WARNING", "handlers": ["console"], "propagate": False},
            "django.request": {"level": "ERROR"},
            "django.security.csrf": {"level": "ERROR"},  # guanxi.web says it, without the address
            "procrastinate": quiet,
            "httpx": quiet,
            "asyncio": quiet,
        },
    }


def configure(log_format: str, level: str) -> None:
    """Send the log lines of this process to standard error."""
    logging.config.dictConfig(configuration(log_format, level))
    logging.captureWarnings(True)
