"""Drawings in BPMN 2.0: what they may hold, and what each shape says beyond the standard.

Ours is the namespace ``gx``: ``who`` and ``fields`` and ``outcomes`` of a user task, ``rule`` of a service task. Conditions of
gateways and scripts are CEL over the record and ``data``, what the run remembers; nothing of a drawing is ever run as Python.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core.automation.approvals import flows
from guanxi.core.kernel.errors import GuanxiError, Invalid
from guanxi.core.models import AutomationRule
from guanxi.core.records import formula, shape
from guanxi.core.schema.entity import Entity

BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
OURS = "{urn:guanxi:bpmn}"
LONGEST = 1_000_000
MOST_SHAPES = 300
#: What may stand in a drawing, besides its picture.
_KNOWN = frozenset(
    ["definitions", "process", "startEvent", "endEvent", "userTask", "manualTask", "task", "serviceTask", "scriptTask", "exclusiveGateway", "parallelGateway", "inclusiveGateway", "subProcess", "intermediateCatchEvent", "intermediateThrowEvent", "boundaryEvent", "timerEventDefinition", "terminateEventDefinition", "timeDuration", "timeDate", "sequenceFlow", "conditionExpression", "incoming", "outgoing", "documentation", "script", "extensionElements", "textAnnotation", "text", "association", "group", "category", "categoryValue"]
)  # fmt: skip
_ASKED = ("userTask", "manualTask")
_DURATION = re.compile(r"P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?|P\d+W")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?)?")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
#: The names a run's formulas know besides the fields of its record.
EXTRA = {"data": "map"}
BEGINNING = """<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:bpmndi="http://www.omg.org/spec/BPMN/20100524/DI" xmlns:dc="http://www.omg.org/spec/DD/20100524/DC" xmlns:di="http://www.omg.org/spec/DD/20100524/DI" xmlns:gx="urn:guanxi:bpmn" id="drawing" targetNamespace="urn:guanxi:bpmn">
<bpmn:process id="process" isExecutable="true"><bpmn:startEvent id="start" /></bpmn:process>
<bpmndi:BPMNDiagram id="diagram"><bpmndi:BPMNPlane id="plane" bpmnElement="process"><bpmndi:BPMNShape id="start_di" bpmnElement="start"><dc:Bounds x="180" y="160" width="36" height="36" /></bpmndi:BPMNShape></bpmndi:BPMNPlane></bpmndi:BPMNDiagram>
</bpmn:definitions>
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One way to finish a task: the word the run remembers, and what the button says, also in English if drawn so."""

    key: str
    label: str
    label_en: str = ""

    @property
    def text(self) -> str:
        """What the button says, in the present language."""
        return shape.spoken(self.label, self.label_en)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One shape of a drawing that does something."""

    id: str
    kind: str
    name: str = ""
    name_en: str = ""
    help: str = ""
    help_en: str = ""
    who: tuple[Mapping[str, object], ...] = ()
    fields: tuple[str, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    rule: str = ""
    texts: tuple[str, ...] = field(default=())

    @property
    def about(self) -> str:
        """What to know, in the present language."""
        return shape.spoken(self.help, self.help_en)


def parsed(xml: str) -> Any:
    """The drawing as a tree, without entities or anything from outside. Raises Invalid."""
    if len(xml) > LONGEST:
        raise Invalid(_("This drawing is too large."), code="workflow.large", field="xml")
    import lxml.etree as etree  # noqa: PLC0415 - heavy, and rarely needed

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(xml.encode(), parser)
    except etree.XMLSyntaxError as error:
        raise Invalid(
            _("This is no drawing: %(reason)s") % {"reason": str(error)[:200]}, code="workflow.xml", field="xml"
        ) from None
    if root.tag != f"{BPMN}definitions" or root.getroottree().docinfo.doctype:
        raise Invalid(_("This is no drawing in BPMN 2.0."), code="workflow.xml", field="xml")
    return root


def process_id(xml: str) -> str:
    """The id of the one process of a drawing. Raises Invalid."""
    found = parsed(xml).findall(f"{BPMN}process")
    if len(found) != 1:
        raise Invalid(_("A drawing holds one process."), code="workflow.process", field="xml")
    return str(found[0].get("id"))


def shapes(xml: str) -> dict[str, Shape]:
    """Every shape of a drawing by its id."""
    found: dict[str, Shape] = {}
    for node in parsed(xml).iter():
        kind = str(node.tag).removeprefix(BPMN)
        if not isinstance(node.tag, str) or not node.tag.startswith(BPMN) or not node.get("id"):
            continue
        own = {str(name).removeprefix(OURS): str(value) for name, value in node.attrib.items()}
        found[own["id"]] = Shape(
            id=own["id"],
            kind=kind,
            name=" ".join(own.get("name", "").split())[:200],
            name_en=" ".join(own.get("name_en", "").split())[:200],
            help=(node.findtext(f"{BPMN}documentation") or "").strip()[:2000],
            help_en=own.get("help_en", "").strip()[:2000],
            who=tuple(named(part) for part in own.get("who", "").split(",") if part.strip()),
            fields=tuple(part.strip() for part in own.get("fields", "").split(",") if part.strip()),
            outcomes=_outcomes(own.get("outcomes", "")),
            rule=own.get("rule", "").strip(),
            texts=_texts(node),
        )
    return found


def spoken(xml: str) -> str:
    """The drawing with the names its reader speaks, to be shown; what is kept has both."""
    if shape.spoken("zh", "en") == "zh" or "name_en" not in xml:
        return xml
    import lxml.etree as etree  # noqa: PLC0415 - heavy, and rarely needed

    root = parsed(xml)
    for node in root.iter():
        if node.get(f"{OURS}name_en"):
            node.set("name", node.get(f"{OURS}name_en"))
    return str(etree.tostring(root, encoding="unicode"))


def named(text: str) -> dict[str, object]:
    """``owner``, ``superior:2``, ``department_head``, ``role:manager``, ``people:zhangwei``, ``field:keeper``, as approvals
    name people; ``starter`` is who began the run.
    """
    kind, _colon, rest = text.strip().partition(":")
    rest = rest.strip()
    if kind in ("owner", "applicant"):
        return {"kind": "applicant"}
    if kind in ("superior", "department_head"):
        return {"kind": kind, "level": int(rest) if rest.isdecimal() else 1}
    if kind == "role":
        return {"kind": "role", "role": rest}
    if kind == "people":
        return {"kind": "people", "users": [rest]}
    return {"kind": kind, "field": rest} if kind == "field" else {"kind": kind}


def _outcomes(text: str) -> tuple[Outcome, ...]:
    found = []
    for part in text.split(";"):
        key, _equals, label = part.partition("=")
        if key.strip():
            first, _bar, english = label.partition("|")
            found.append(Outcome(key.strip(), first.strip() or key.strip(), english.strip()))
    return tuple(found)


def _texts(node: Any) -> tuple[str, ...]:
    names = (
        "conditionExpression",
        "script",
        "timerEventDefinition/{0}timeDuration",
        "timerEventDefinition/{0}timeDate",
    )
    found = [node.findtext(f"{BPMN}{name.format(BPMN)}") for name in names]
    return tuple(text.strip() for text in found if text and text.strip())


# -- checking ----------------------------------------------------------------------------------------------------------


def check(entity: Entity, xml: str) -> dict[str, Shape]:
    """The shapes of a drawing that can be run. Raises Invalid with the mistake and the shape it is at."""
    process_id(xml)
    root = parsed(xml)
    for node in root.iter():
        tag = str(node.tag)
        if tag.startswith(BPMN) and tag.removeprefix(BPMN) not in _KNOWN:
            raise _wrong(
                str(node.get("id", "")), _("“%(sort)s” cannot be run here.") % {"sort": tag.removeprefix(BPMN)}
            )
    found = shapes(xml)
    if len(found) > MOST_SHAPES:
        raise Invalid(_("This drawing has too many shapes."), code="workflow.large", field="xml")
    for one in found.values():
        _check_shape(entity, one)
    for kind, text in (("startEvent", _("Draw where it begins.")), ("endEvent", _("Draw where it ends."))):
        if not any(one.kind == kind for one in found.values()):
            raise Invalid(text, code="workflow.incomplete", field="xml")
    _check_joined(root)
    return found


def _wrong(shape_id: str, text: str, name: str = "") -> Invalid:
    place = name or shape_id
    said = _("%(shape)s: %(problem)s") % {"shape": place, "problem": text} if place else text
    return Invalid(said, code="workflow.shape", field="xml", details={"shape": shape_id})


def _check_joined(root: Any) -> None:
    """Every shape leads on, and is led to."""
    sources = {str(one.get("sourceRef")) for one in root.iter(f"{BPMN}sequenceFlow")}
    targets = {str(one.get("targetRef")) for one in root.iter(f"{BPMN}sequenceFlow")}
    kinds = (*_ASKED, "task", "serviceTask", "scriptTask", "subProcess", "exclusiveGateway", "parallelGateway", "inclusiveGateway", "intermediateCatchEvent", "intermediateThrowEvent")  # fmt: skip
    for kind in (*kinds, "startEvent", "endEvent", "boundaryEvent"):
        for node in root.iter(f"{BPMN}{kind}"):
            own, name = str(node.get("id")), str(node.get("name") or "")
            if kind != "endEvent" and own not in sources:
                raise _wrong(own, _("it leads nowhere."), name)
            if kind not in ("startEvent", "boundaryEvent") and own not in targets:
                raise _wrong(own, _("nothing leads to it."), name)


def _check_shape(entity: Entity, one: Shape) -> None:
    try:
        if one.kind in _ASKED:
            _check_asked(entity, one)
        elif one.kind == "serviceTask":
            if not AutomationRule.objects.filter(key=one.rule, entity=entity.key).exists():
                raise Invalid(_("choose the rule it runs."))
        elif one.kind in ("intermediateCatchEvent", "boundaryEvent"):
            if len(one.texts) != 1 or not is_moment(one.texts[0]):
                _check_moment(entity, one)
        elif one.kind == "scriptTask":
            for _name, source in assignments("\n".join(one.texts)):
                formula.check(entity, source, extra=EXTRA)
        elif one.kind == "sequenceFlow":
            for source in one.texts:
                formula.check(entity, source, wanted=("bool",), extra=EXTRA)
    except GuanxiError as error:
        raise _wrong(one.id, str(error.message), one.name) from None


def _check_asked(entity: Entity, one: Shape) -> None:
    if not one.name:
        raise Invalid(_("give the task a name."))
    if not one.who:
        raise Invalid(_("say who does it."))
    for way in one.who:
        if way.get("kind") not in ("starter", "people"):
            flows.check_whom(entity.key, way, "")
    known = shape.fields_of(entity)
    for name in one.fields:
        if name not in known or known[name].readonly:
            raise Invalid(_("There is no field “%(path)s”.") % {"path": name})
    if any(not _NAME.fullmatch(each.key) for each in one.outcomes):
        raise Invalid(_("outcomes are written like ok=Fine; back=Send back"))


def is_moment(text: str) -> bool:
    """Whether a timer says its time plainly: ``P3D``, ``PT4H30M``, ``2026-12-31``."""
    return bool(_DURATION.fullmatch(text) or _DATE.fullmatch(text))


def _check_moment(entity: Entity, one: Shape) -> None:
    if len(one.texts) != 1:
        raise Invalid(_("say how long it waits, such as P3D for three days or PT4H for four hours."))
    formula.check(entity, one.texts[0], wanted=("date", "datetime"), extra=EXTRA)


def assignments(script: str) -> list[tuple[str, str]]:
    """The lines of a script, ``name = formula`` each. Raises Invalid."""
    found = []
    for line in (each.strip() for each in script.splitlines()):
        if line:
            name, equals, source = line.partition("=")
            if not equals or not _NAME.fullmatch(name.strip()) or source.startswith("="):
                raise Invalid(_("a script is made of lines like total = amount * 2"))
            found.append((name.strip(), source.strip()))
    return found
