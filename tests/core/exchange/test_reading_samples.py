"""Every file of the shared collections either reads right or is refused with a reason; none crashes."""

# ruff: noqa: PT017 - a file may be read or refused; both are right

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter

import pytest

from guanxi.core.exchange.reading import open_table
from guanxi.core.exchange.reading.encoding import detect
from guanxi.core.exchange.reading.source import source_of
from guanxi.core.kernel.errors import Invalid
from tests.core.exchange.shared import DATA, files_of, members, needs_data

pytestmark = needs_data

ALL = [
    *(f"messy_csv/{name}.tar.gz" for name in (
        "csv-spectrum", "csv-test-data", "messytables-horror", "pollock-polluted", "pollock-survey-sample", "tabulator", "univocity")),
    *(f"vcard_samples/{name}.tar.gz" for name in (
        "ez-vcard", "ical.js", "libical", "nextcloud-contacts", "node-vcf", "roundcube", "sabre-vobject")),
    *(f"crm_export_formats/{name}.tar.gz" for name in (
        "hubspot_objects", "mautic_fixtures", "odoo_import_templates", "salesforce_objects", "salesforce_sobject_tree_json",
        "zendesk_objects")),
    "encoding_samples/chardet.tar.gz",
]  # fmt: skip


@pytest.mark.parametrize("archive", ALL)
def test_every_file_reads_or_is_refused_with_a_reason(archive: str) -> None:
    for path, content in members(archive).items():
        try:
            table = open_table(content, name=path)
        except Invalid as error:
            assert error.code.startswith("file."), path
            assert str(error), path
            continue
        width = len(table.columns)
        for row in table.rows():
            assert row.fatal or len(row.values) == width, (path, row.number)
            assert all("\0" not in value for value in row.values), (path, row.number)
            assert all(str(problem) for problem in row.problems)


TRUE_NAMES = {
    "CP949": "cp949", "IBM855": "cp855", "IBM866": "cp866", "Johab": "johab", "KOI8-R": "koi8-r", "MacCyrillic": "mac-cyrillic",
    "MacRoman": "mac-roman", "GB2312": "gb18030", "EUC-KR": "cp949", "SHIFT_JIS": "cp932", "TIS-620": "cp874", "Big5": "cp950",
    "iso-8859-1": "cp1252", "windows-1255-hebrew": "cp1255",
}  # fmt: skip
LANGUAGE = re.compile(
    "-(hungarian|polish|slovak|bulgarian|russian|arabic|greek|turkish|hebrew|czech|romanian|slovene)$"
)


def test_encodings_are_found_or_doubted() -> None:
    """242 of 282 files are read right and known to be; 29 read right with a doubt; no file is read wrongly without one."""
    seen: Counter[tuple[str, bool]] = Counter()
    for path, content in members("encoding_samples/chardet.tar.gz").items():
        folder = path.split("/")[-2]
        found = detect(source_of(content, path))
        if folder == "EUC-TW":  # Python has no such codec
            assert not found.sure
            continue
        truth = content.decode(TRUE_NAMES.get(folder, LANGUAGE.sub("", folder)), "replace").removeprefix("\ufeff")
        right = content[found.mark :].decode(found.name, "replace") == truth
        seen["right" if right else "wrong", found.sure] += 1
    assert seen["wrong", True] == 0
    assert seen["right", True] >= 242
    assert seen["right", False] + seen["right", True] >= 271


@pytest.mark.parametrize(
    "folder", ["Big5", "GB2312", "UTF-16LE", "UTF-16BE", "utf-8", "windows-1252", "SHIFT_JIS", "EUC-JP", "EUC-KR"]
)
def test_common_encodings_are_never_doubted(folder: str) -> None:
    for path, content in members("encoding_samples/chardet.tar.gz").items():
        if path.split("/")[-2] == folder:
            assert detect(source_of(content, path)).sure, path


@pytest.mark.parametrize(("archive", "path"), [
    pair for pair in files_of("messy_csv/csv-spectrum.tar.gz", "messy_csv/csv-test-data.tar.gz")
    if pair[1].endswith(".csv") and "/bad-" not in pair[1]
])  # fmt: skip
def test_small_cases_give_the_expected_records(archive: str, path: str) -> None:
    twin = re.sub(r"/csvs?/", "/json/", path).removesuffix("csv") + "json"
    files = members(archive)
    if twin not in files:
        pytest.skip("the suite brings no expectation for this file")
    records = json.loads(files[twin])
    if records and isinstance(records[0], list):
        records = [dict(zip(records[0], record, strict=True)) for record in records[1:]]
    expected = [{key: str(value) for key, value in record.items()} for record in records]
    if path.endswith("empty-one-column.csv"):
        expected = []  # a row without any value is a blank line to us
    table = open_table(files[path], name=path)
    rows = list(table.rows())
    assert not any(row.fatal for row in rows)
    names = [column.name for column in table.columns]
    strip = [{key: value.strip() for key, value in record.items()} for record in expected]
    assert [dict(zip(names, row.values, strict=True)) for row in rows] == strip


def _clean_rows(content: bytes) -> Counter[tuple[str, ...]]:
    text = io.StringIO(content.decode("utf-8"), newline="")
    return Counter(tuple(cell.strip() for cell in row) for row in csv.reader(text))


#: Polluted on purpose beyond what can be told from the file alone; what is lost is refused at its row or said here.
AMBIGUOUS = {
    "file_escape_char_0x5C.csv": 1,  # also unescapes \' which the clean twin keeps
    "file_field_delimiter_0x20.csv": 60,  # blanks between cells and within them
    "file_multitable_less.csv": 1, "file_multitable_more.csv": 5, "file_multitable_same.csv": 5,  # a second table below
    "file_quotation_char_0x27.csv": 25,  # apostrophes as quotation marks, unescaped within texts
    "row_less_sep_row83_col5.csv": 1,  # a lost comma next to a stray inch mark gives the right number of cells
}  # fmt: skip


@pytest.mark.parametrize("path", [p for _, p in files_of("messy_csv/pollock-polluted.tar.gz") if "/csv/" in p])
def test_polluted_rows_are_right_or_refused(path: str) -> None:
    files = members("messy_csv/pollock-polluted.tar.gz")
    name = path.rsplit("/", 1)[1]
    clean = _clean_rows(files[path.replace("/csv/", "/clean/")])
    if not files[path]:
        with pytest.raises(Invalid) as refused:
            open_table(files[path], name=name)
        assert refused.value.code == "file.empty"
        return
    table = open_table(files[path], name=name)
    rows = list(table.rows())
    taken = [row for row in rows if not row.fatal]
    wrong = [row for row in taken if not clean[tuple(row.values)]]
    assert len(wrong) <= AMBIGUOUS.get(name, 0), [(row.number, row.values) for row in wrong[:3]]
    expected = sum(clean.values()) - 1
    assert len(rows) >= expected - (name in AMBIGUOUS), "no row disappears"
    if name.startswith("row_"):
        assert len([row for row in rows if row.fatal]) <= 1


def test_survey_files_keep_every_row() -> None:
    files = members("messy_csv/pollock-survey-sample.tar.gz")
    checked = 0
    for path, content in files.items():
        twin = path.replace("/csv/", "/clean/")
        if "/csv/" not in path or twin not in files:
            continue
        rows = list(open_table(content, name=path).rows())
        clean = [
            row for row in csv.reader(io.StringIO(files[twin].decode("utf-8"), newline="")) if any(map(str.strip, row))
        ]
        assert len(rows) >= len(clean) - 1, path
        checked += 1
    assert checked == 63


CARDS = {
    "gmail-list.vcf": 3, "rfc2426-example.vcf": 2, "leaktest.vcf": 3, "multiple.vcf": 3, "email.vcf": 4,
}  # fmt: skip


@pytest.mark.parametrize(("archive", "path"), [
    pair for pair in files_of(*(name for name in ALL if name.startswith("vcard"))) if pair[1].endswith(".vcf")
])  # fmt: skip
def test_vcards_give_one_row_a_card(archive: str, path: str) -> None:
    table = open_table(members(archive)[path], name=path)
    rows = list(table.rows())
    name = path.rsplit("/", 1)[1]
    assert len(rows) == CARDS.get(name, 1)
    if name == "issue64.vcf":  # nothing in it but a picture
        assert rows[0].fatal
        assert any(problem.code == "file.properties_left_out" for problem in table.problems)
        return
    assert not any(row.fatal for row in rows)


def test_quoted_printable_and_grouped_properties() -> None:
    files = members("vcard_samples/ez-vcard.tar.gz")
    path = next(path for path in files if path.endswith("outlook-2003.vcf"))
    table = open_table(files[path], name=path)
    values = dict(zip((column.name for column in table.columns), next(table.rows()).values, strict=True))
    assert values["Full name"] == "John Doe III"
    assert values["Company"] == "Company, The"
    assert values["Department"] == "TheDepartment"
    assert values["Note"] == "This is the note field!!\nSecond line\n\nThird line is empty"
    assert values["Work street"] == "TheOffice 123 Main St"
    assert values["Mobile"] == "MobilePhone"
    apple = members("vcard_samples/roundcube.tar.gz")
    path = next(path for path in apple if path.endswith("apple.vcf"))
    table = open_table(apple[path], name=path)
    values = dict(zip((column.name for column in table.columns), next(table.rows()).values, strict=True))
    assert values["Kind"] == "org"
    assert values["Website"] == "http://www.apple.ch"
    assert values["Work city"] == "Wallisellen-Zürich"


def test_import_template_with_instructions_above_the_header() -> None:
    table = open_table(DATA / "crm_export_formats" / "salesforce_npsp_data_import_template.csv")
    assert table.columns[0].name == "Contact1 Salutation"
    assert table.facts.header_row == 5
    assert {problem.code for problem in table.problems} >= {"file.preamble_skipped"}


@pytest.mark.parametrize(("name", "encoding"), [
    ("areas.csv.gz", "utf-8"), ("areas.gb18030.csv.gz", "gb18030"), ("areas.utf16le-bom.csv.gz", "utf-16-le"),
    ("areas.utf8-bom-crlf.csv.gz", "utf-8"),
])  # fmt: skip
def test_the_same_table_in_four_encodings(name: str, encoding: str) -> None:
    table = open_table(DATA / "cn_divisions" / name)
    plain = open_table(DATA / "cn_divisions" / "areas.csv.gz")
    assert (table.facts.encoding, table.facts.encoding_sure) == (encoding, True)
    assert [row.values for row in table.rows()] == [row.values for row in plain.rows()]
    assert table.columns == plain.columns
