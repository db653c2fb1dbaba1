"""Leads, pipelines and opportunities for tests."""

from __future__ import annotations

from typing import Any

from guanxi.areas.sales import selectors
from tests.factories import Make, factory


@factory("sales.lead")
def lead(number: int, _make: Make) -> dict[str, Any]:
    """A new lead of a company."""
    return {"name": f"线索人{number}", "company": f"线索公司{number}", "source": "website"}


@factory("sales.leadfollowup")
def lead_follow_up(number: int, make: Make) -> dict[str, Any]:
    """A call with a new lead."""
    return {"lead": lambda: make("sales.lead"), "kind": "call", "body": f"介绍了产品{number}"}


@factory("sales.pipeline")
def pipeline(number: int, _make: Make) -> dict[str, Any]:
    """A pipeline without stages."""
    return {"name": f"流程{number}", "position": 100 + number % 1000}


@factory("sales.stage")
def stage(number: int, make: Make) -> dict[str, Any]:
    """An open stage of a new pipeline."""
    return {"pipeline": lambda: make("sales.pipeline"), "name": f"阶段{number}", "probability": 20}


@factory("sales.stageroute")
def route(number: int, make: Make) -> dict[str, Any]:
    """A move between two stages of a new pipeline."""
    pipeline = make("sales.pipeline")
    return {
        "stage": make("sales.stage", pipeline=pipeline),
        "to": make("sales.stage", pipeline=pipeline, position=2),
        "note": f"流转{number}",
    }


@factory("sales.competitor")
def competitor(number: int, _make: Make) -> dict[str, Any]:
    """Somebody who sells against us."""
    return {"name": f"对手{number}"}


@factory("sales.opportunity")
def opportunity(number: int, make: Make) -> dict[str, Any]:
    """A chance at a new customer, in the first stage of the usual pipeline."""
    first = next(iter(selectors.stages_of(selectors.pipelines()[0].pk)))
    return {
        "name": f"商机{number}",
        "customer": lambda: make("customers.customer"),
        "pipeline": first.pipeline_id,
        "stage": first.pk,
        "amount": 10000 + number,
    }


@factory("sales.opportunityrole")
def role(_number: int, make: Make) -> dict[str, Any]:
    """A contact who decides."""
    return {
        "opportunity": lambda: make("sales.opportunity"),
        "contact": lambda: make("customers.contact"),
        "role": "decides",
    }


@factory("sales.party")
def party(_number: int, make: Make) -> dict[str, Any]:
    """An integrator in a deal."""
    return {
        "opportunity": lambda: make("sales.opportunity"),
        "customer": lambda: make("customers.customer"),
        "role": "integrator",
    }


@factory("sales.milestone")
def milestone(number: int, make: Make) -> dict[str, Any]:
    """A date of a deal."""
    return {"opportunity": lambda: make("sales.opportunity"), "name": f"里程碑{number}"}


@factory("customers.pool")
def pool(number: int, _make: Make) -> dict[str, Any]:
    """A pool of customers without members."""
    return {"name": f"公海{number}", "subject": "customers.customer"}


@factory("customers.poolmember")
def pool_member(number: int, make: Make) -> dict[str, Any]:
    """A department in a new pool."""
    return {
        "pool": lambda: make("customers.pool"),
        "department": lambda: make("core.department"),
        "note": f"成员{number}",
    }


@factory("customers.poolrule")
def pool_rule(number: int, make: Make) -> dict[str, Any]:
    """Back after thirty days without follow-up."""
    return {"pool": lambda: make("customers.pool"), "ground": "no_follow_up", "days": 30, "note": f"规则{number}"}


@factory("customers.holdinglimit")
def holding_limit(number: int, make: Make) -> dict[str, Any]:
    """A limit for a new department."""
    return {
        "subject": "customers.customer",
        "department": lambda: make("core.department"),
        "most": 100,
        "note": f"上限{number}",
    }


@factory("sales.territory")
def territory(number: int, _make: Make) -> dict[str, Any]:
    """A territory without rules."""
    return {"name": f"区域{number}"}


@factory("sales.territoryrule")
def territory_rule(number: int, make: Make) -> dict[str, Any]:
    """Guangdong falls into a new territory."""
    return {"territory": lambda: make("sales.territory"), "region": "CN44", "note": f"广东{number}"}


@factory("sales.assignrule")
def assign_rule(number: int, _make: Make) -> dict[str, Any]:
    """Leads in turn."""
    return {"name": f"分配{number}", "subject": "sales.lead", "method": "round"}


@factory("sales.assignmember")
def assign_member(number: int, make: Make) -> dict[str, Any]:
    """Somebody of a new rule."""
    return {"rule": lambda: make("sales.assignrule"), "user": lambda: make("core.user"), "note": f"成员{number}"}


@factory("sales.target")
def target(number: int, _make: Make) -> dict[str, Any]:
    """A year's amount of a person; of the wins for the high numbers, since years are few and a person has each once."""
    return {
        "year": 2000 + number % 100,
        "measure": "count" if number >= 900_000 else "amount",
        "base": 120000,
        "stretch": 150000,
        "note": f"目标{number}",
    }


@factory("sales.forecastentry")
def forecast_entry(_number: int, _make: Make) -> dict[str, Any]:
    """What is foreseen for a month."""
    return {"month": "2030-01-01", "adjusted": 5000, "comment": "稳"}


@factory("sales.opportunityline")
def line(number: int, make: Make) -> dict[str, Any]:
    """Some licences in a deal."""
    return {"opportunity": lambda: make("sales.opportunity"), "name": f"许可{number}", "quantity": 2, "price": 50}


@factory("sales.dealalert")
def deal_alert(number: int, make: Make) -> dict[str, Any]:
    """Tells a role of deals of a million."""
    return {"name": f"大额提醒{number}", "amount": 1000000, "role": lambda: make("core.role")}
