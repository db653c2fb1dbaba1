"""The core's jobs and their schedule. Areas keep theirs in ``jobs.py``."""

from __future__ import annotations

import datetime as dt
import logging

from guanxi.core.automation import backups, housekeeping, mailing, messages, operations, push, scanning
from guanxi.core.automation.approvals import watch
from guanxi.core.automation.incoming import mailboxes, moments
from guanxi.core.automation.notify import MAIL_JOB, PUSH_JOB
from guanxi.core.automation.queue import LONG, every, job
from guanxi.core.automation.rules import hearing, running
from guanxi.core.automation.workflows import running as workflows
from guanxi.core.privacy import retention
from guanxi.core.records import carrying, files, quarantine, sealing
from guanxi.core.records.search import index

logger = logging.getLogger("guanxi.audit")

#: Modules with further jobs and sources of timelines, known to the worker by being imported here.
FURTHER = (operations, scanning, moments)


@every("17 * * * *", queue=LONG)
def housekeeping_do(_now: dt.datetime) -> None:
    """Every hour: throw away what is over, lay out what is needed."""
    housekeeping.run_all()


@every("* * * * *", queue=LONG)
def search_catch_up(_now: dt.datetime) -> None:
    """Every minute: the search documents that bulk loads left for later, and all of them after a change of the tokens."""
    index.catch_up()
    index.renew()


@every("* * * * *")
def carriers_follow(_now: dt.datetime) -> None:
    """Every minute: what was hung on a record while its owner changed follows its new owner."""
    carrying.carry_late()


@every("2 * * * *")
def digests_send(now: dt.datetime) -> None:
    """Every hour: the daily mail to those whose day has come to eight o'clock."""
    mailing.send_digests(now)


@every("5-59/10 * * * *")
def audit_seal(_now: dt.datetime) -> None:
    """Every ten minutes: the next link of the chain over the audit; its digest goes to the log."""
    made = sealing.seal()
    if made is not None:
        logger.info("the audit was sealed", extra={"digest": made.digest, "last_entry": made.last_entry})


@every("*/5 * * * *")
def contents_look(_now: dt.datetime) -> None:
    """Every five minutes: files the virus scanner could not look at when they came."""
    quarantine.look_again(files.path_of)


@every("23 18 * * *", queue=LONG)
def retention_do(now: dt.datetime) -> None:
    """Every night (of China): records whose time is over go the way their rule says."""
    retention.run_all(now)


@every("*/10 * * * *", queue=LONG)
def backup_make(now: dt.datetime) -> None:
    """Every ten minutes: the daily backup, if its time has come."""
    backups.backup_if_due(now)


@every("*/5 * * * *")
def approvals_watch(now: dt.datetime) -> None:
    """Every five minutes: approvals whose deadline has passed."""
    watch.late_do(now)


@job(name="backup_now", queue=LONG, lock="backup", retry=False)
def backup_now() -> None:
    """A backup somebody asked for on a page."""
    backups.backup_make()


@every("* * * * *")
def rules_look(now: dt.datetime) -> None:
    """Every minute: rules that follow dates and schedules, and runs whose waiting is over."""
    try:
        hearing.look(now)
    finally:
        running.resume_due(now)


@every("* * * * *")
def workflows_look(now: dt.datetime) -> None:
    """Every minute: workflows whose timer is over, and tasks of people who left."""
    workflows.look(now)


@job(name=workflows.JOB)
def workflow_go(run_id: int) -> None:
    """Go on with a run of a workflow."""
    workflows.go(run_id)


@job(name=running.JOB)
def rule_run(run_id: int) -> None:
    """Do a run of a rule, or go on with it."""
    running.go(run_id)


@every("* * * * *")
def mailboxes_look(now: dt.datetime) -> None:
    """Every minute: mailboxes whose time has come."""
    mailboxes.look(now)


@job(name=mailboxes.JOB, queue=LONG, retry=False)
def mailbox_read(mailbox_id: int) -> None:
    """Take in what is new in a mailbox."""
    mailboxes.read(mailbox_id)


@job(name=messages.JOB)
def message_send(message_id: int) -> None:
    """Send a message that was written down."""
    messages.send(message_id)


@job(name=MAIL_JOB)
def mail_send(user_id: int) -> None:
    """Mail to one person what he wants to know by mail at once."""
    mailing.send_now(user_id)


@job(name=PUSH_JOB)
def push_send(notification_id: int) -> None:
    """One notification to the devices of its reader."""
    push.send(notification_id)
