"""Words in the names of firms that say what kind of body it is, not which one."""

from __future__ import annotations

import re

# One token each, as they stand after dots between single letters are gone (S.p.A. → spa, B.V. → bv).
_LATIN_WORDS = """
    inc incorporated corp corporation co company cos companies ltd limited llc llp lllp lp plc pllc pc
    gmbh ag kg kgaa ohg gbr ug mbh ev eg sa sas sasu sarl eurl snc sca spa srl srls sapa bv nv vof cv ab hb as asa ans
    oy oyj ky aps ivs sro spol doo dd ad ood eood kft zrt nyrt bt uab sia ou pty pte pvt private sdn bhd berhad kk yk gk
    ltda eireli sl slu slp scs sab sapi tbk ooo oao zao pao jsc pjsc cjsc ojsc llo too fze fzco fzc wll psc ent
    group groups holding holdings intl
"""
_LATIN_ONE = frozenset(_LATIN_WORDS.split())
# Only after one of the above was taken, or together.
_LATIN_CHAINS = (
    ("sa", "de", "cv"),
    ("sapi", "de", "cv"),
    ("s", "de", "rl", "de", "cv"),
    ("sab", "de", "cv"),
    ("sp", "z", "oo"),
    ("spolka", "z", "oo"),
    ("sp", "z", "o", "o"),
    ("sa", "rl"),
    ("s", "r", "o"),
    ("s", "r", "l"),
    ("d", "o", "o"),
    ("s", "p", "a"),
    ("kabushiki", "kaisha"),
    ("joint", "stock"),
    ("free", "zone"),
)
_LATIN_FIRST = frozenset(("the", "pt", "cv", "ab", "ooo", "oao", "zao", "pao", "kk", "tov"))

_LATIN_ENDS = frozenset(chain[-1] for chain in _LATIN_CHAINS)

# Anywhere in a Chinese name: they never tell two firms apart.
_HAN_ANYWHERE = re.compile(
    r"(?:控股|投资控股|企业)?(?:集团)?(?:股份|责任)?(?:有限责任公司|有限公司|有限责任)|(?:集团)?股份公司"
    r"|株式会社|有限会社|合同会社|주식회사|유한회사"
)
_HAN_END = re.compile(
    r"(?:(?:控股|企业)?集团(?:总公司|公司|总部|股份|控股)?|总公司|分公司|子公司|公司|股份|总部"
    r"|特殊普通合伙|普通合伙|有限合伙|合伙企业|合伙|个人独资企业|个人独资|个体工商户|个体户|独资|外商独资|中外合资|自然人独资)$"
)
# Without one of these neither finds anything.
_HAN_CORE = re.compile(r"有限|股份公司|会社|회사")
_HAN_LAST = frozenset("团司部份股伙业资户\n")
_HAN_WHOLE = re.compile(rf"(?:{_HAN_ANYWHERE.pattern}|{_HAN_END.pattern[:-1]}|个体|国有|上市|[a-z]股)+")
_HAN_REMARK = re.compile(r"(?:原名?|曾用名|前身|简称|已注销|注销|已吊销|吊销|停用|作废|重复|旧|新|测试$)")
_LATIN_REMARK = frozenset(("formerly", "fka", "old", "dba", "closed", "duplicate", "dup"))


def strip_latin(tokens: list[str]) -> list[str]:
    """The tokens without legal forms at the end and at the head; at least one token always stays."""
    end = len(tokens)
    while end > 1:
        last = tokens[end - 1]
        if last in _LATIN_ENDS:
            chain = next((c for c in _LATIN_CHAINS if end > len(c) and tuple(tokens[end - len(c) : end]) == c), None)
            if chain:
                end -= len(chain)
                continue
        if last in _LATIN_ONE or (last == "and" and end < len(tokens)):
            end -= 1
            continue
        break
    start = 1 if end > 1 and tokens[0] in _LATIN_FIRST else 0
    return tokens[start:end]


def is_latin_form(tokens: list[str]) -> bool:
    """Whether all the tokens together are legal forms or a remark such as "formerly …"."""
    if not tokens:
        return True
    return tokens[0] in _LATIN_REMARK or all(token in _LATIN_ONE for token in tokens)


def strip_han(text: str) -> tuple[str, bool]:
    """A Chinese name without legal forms, and whether it named a branch (…分公司). May return ''."""
    branch = text.endswith("分公司")
    while True:
        before = text
        if len(text) > 3:
            if _HAN_CORE.search(text):
                text = _HAN_ANYWHERE.sub("", text)
            if text[-1:] in _HAN_LAST:
                text = _HAN_END.sub("", text)
        if text == before:
            return text, branch


def is_han_form(text: str) -> bool:
    """Whether the text is nothing but a legal form (有限合伙) or a remark on the name (原华为公司, 已注销)."""
    return bool(_HAN_WHOLE.fullmatch(text) or _HAN_REMARK.match(text))


def shortest_form(text: str) -> str:
    """The legal form at the end of a Chinese name, '' if there is none: 华为技术有限公司 → 有限公司."""
    rest, _branch = strip_han(text)
    return text[len(rest) :] if rest and text.startswith(rest) else ""
