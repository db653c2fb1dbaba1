"""Reading tables: what a careless or hostile file may do, and what must come out."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest
import xlsxwriter

from guanxi.core.exchange.reading import Row, members_of, open_table
from guanxi.core.kernel.errors import Invalid


def rows_of(content: bytes, **options: str) -> list[Row]:
    return list(open_table(content, name="x", **options).rows())  # type: ignore[arg-type]


def values_of(content: bytes, **options: str) -> list[list[str]]:
    return [row.values for row in rows_of(content, **options)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "big5", "utf-16", "utf-16-le", "utf-16-be"])
def test_chinese_in_every_usual_encoding(encoding: str) -> None:
    text = "客戶名稱,電話,城市\n台北實業有限公司,13800138000,台北\n中山科技,010-62345678,高雄\n"
    if encoding == "gb18030":
        text = "客户名称,电话,城市\n北京实业有限公司,13800138000,北京\n中山科技,010-62345678,广州\n"
    table = open_table(text.encode(encoding), name="x")
    assert [column.name for column in table.columns] == text.split("\n")[0].split(",")
    assert [row.values for row in table.rows()] == [line.split(",") for line in text.split("\n")[1:3]]
    assert table.facts.encoding_sure


def test_chinese_that_begins_late_in_the_file() -> None:
    body = "".join(f"{n},Company {n}\n" for n in range(20_000))
    content = ("id,name\n" + body + "20001,中国石油天然气股份有限公司\n").encode("gb18030")
    table = open_table(content, name="x")
    assert table.facts.encoding == "gb18030"
    *_, last = table.rows()
    assert last.values == ["20001", "中国石油天然气股份有限公司"]


def test_western_letters() -> None:
    assert values_of("name,city\nMüller & Söhne,Köln\nCafé Français,Orléans\n".encode("cp1252")) == [
        ["Müller & Söhne", "Köln"], ["Café Français", "Orléans"],
    ]  # fmt: skip


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "^", "~"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends(delimiter: str, end: str) -> None:
    lines = [["name", "phone", "note"], ["Alpha", "13800138000", "a, b; c"], ["Beta", "", "second\tline"]]
    quoted = end.join(
        delimiter.join(f'"{cell}"' if set(cell) & set(",;\t|^~") else cell for cell in line) for line in lines
    )
    table = open_table(quoted.encode(), name="x")
    assert table.facts.delimiter == delimiter
    assert [row.values for row in table.rows()] == lines[1:]


def test_a_bad_byte_refuses_its_row_only() -> None:
    content = (
        b"name,city\n"
        + "张三公司,北京\n李四公司,上海\n王五公司,广州\n".encode() * 5
        + b"bad\xff\xfe,x\n"
        + "赵六,深圳\n".encode()
    )
    found = rows_of(content)
    assert [row.number for row in found if row.fatal] == [17]
    assert found[15].problems[0].code == "row.bad_bytes"
    assert found[-1].values == ["赵六", "深圳"]


def test_short_long_and_torn_rows() -> None:
    found = rows_of(b'name,phone,city\nA,1380013,x\nB,2\nC,3,y,extra\n"D ""Q"" E",4455667,z\n')
    assert [(row.number, row.fatal.code if row.fatal else "") for row in found] == [
        (2, ""), (3, "row.short"), (4, "row.long"), (5, ""),
    ]  # fmt: skip
    assert found[3].values == ['D "Q" E', "4455667", "z"]


def test_rows_may_end_early_where_the_last_columns_are_empty_elsewhere() -> None:
    found = rows_of(b"name,phone,note\nA,13800138000,\nB,13900139000,x\nC,13700137000\n")
    assert found[2].values == ["C", "13700137000", ""]
    assert [problem.code for problem in found[2].problems] == ["row.short_filled"]
    assert found[2].fatal is None


def test_an_unclosed_quote_costs_one_row() -> None:
    body = b"".join(b"n%d,c%d,t%d\n" % (n, n, n) for n in range(3000))
    found = rows_of(b'name,city,note\n"broken,city,note\n' + body)
    assert len(found) == 3001
    assert found[0].values == ['"broken', "city", "note"]
    assert found[0].problems[0].code == "row.quotes_repaired"
    assert found[-1].values == ["n2999", "c2999", "t2999"]


def test_many_unclosed_quotes_stay_quick() -> None:
    found = rows_of(b"name,city\n" + b'"x,y\n' * 5000)
    assert len(found) == 5000


def test_nul_and_control_characters_are_left_out_and_said() -> None:
    found = rows_of(b"name,city\nA\x00B,x\x07y\nC,z\n")
    assert found[0].values == ["AB", "xy"]
    assert [problem.code for problem in found[0].problems] == ["row.control_characters"]


def test_a_huge_cell_is_refused_at_its_row() -> None:
    found = rows_of(b"name,note\nA," + b"x" * 200_000 + b"\nB,ok\n")
    assert found[0].fatal is not None
    assert found[0].fatal.code == "row.cell_too_long"
    assert found[1].values == ["B", "ok"]


def test_header_is_found_below_titles_and_repeats_are_left_out() -> None:
    table = open_table(
        "客户清单 2024,,\n,,\n名称,电话,城市\n名称,电话,城市\n甲公司,13800138000,北京\n乙公司,,上海\n".encode(),
        name="x",
    )
    assert table.facts.header_row == 3
    assert [row.values[0] for row in table.rows()] == ["甲公司", "乙公司"]
    assert {problem.code for problem in table.problems} == {"file.preamble_skipped", "file.header_repeated"}


def test_without_a_header_columns_are_numbered() -> None:
    table = open_table(b"1,a@b.cn,2024-01-02\n2,c@d.cn,2024-01-03\n", name="x")
    assert table.facts.header_row == 0
    assert len(list(table.rows())) == 2
    assert not any(column.named for column in table.columns)


def test_nameless_and_double_columns() -> None:
    table = open_table(b"name,,name,phone\nA,x,B,1\n", name="x")
    assert [column.name for column in table.columns][2:] == ["name (2)", "phone"]
    assert not table.columns[1].named


@pytest.mark.parametrize(("content", "code"), [
    (b"", "file.empty"), (b"\n\n \n", "file.empty"), (b"%PDF-1.4 x", "file.unknown"), (b"\x89PNG\r\n", "file.unknown"),
    (b"<html><table><tr><td>a", "file.web_page"), (b"PK\x03\x04broken", "file.broken"), (b"\x1f\x8bbroken", "file.broken"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600, "file.broken"), (b'{"a": 1', "file.not_records"), (b"[]", "file.not_records"),
])  # fmt: skip
def test_files_that_are_no_table_are_refused(content: bytes, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        open_table(content, name="x")
    assert refused.value.code == code
    assert refused.value.status == 422


def test_wrong_encoding_given_by_hand() -> None:
    with pytest.raises(Invalid) as refused:
        open_table(b"a,b\n1,2\n", name="x", encoding="klingon")
    assert refused.value.code == "file.encoding_unheard"
    assert values_of("名,城\n甲,乙\n".encode("gbk"), encoding="gbk") == [["甲", "乙"]]


def test_gzip_bomb_is_stopped() -> None:
    bomb = gzip.compress(b"a,b\n" + b"1,2\n" * 60_000_000, 9)
    with pytest.raises(Invalid) as refused:
        list(open_table(bomb, name="x.csv.gz").rows())
    assert refused.value.code == "file.bomb"


def test_xlsx_bomb_is_stopped() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "x")
        archive.writestr("xl/workbook.xml", b" " * (40 * 1024**2))
    with pytest.raises(Invalid) as refused:
        open_table(out.getvalue(), name="x.xlsx")
    assert refused.value.code == "file.bomb"


def workbook(path: Path, fill: object) -> bytes:
    book = xlsxwriter.Workbook(str(path))
    fill(book)  # type: ignore[operator]
    book.close()
    return path.read_bytes()


def test_a_sheet_with_two_far_cells_cannot_take_our_memory(tmp_path: Path) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "a")
        sheet.write(1_048_575, 16_383, "z")

    with pytest.raises(Invalid) as refused:
        open_table(workbook(tmp_path / "far.xlsx", fill), name="far.xlsx")
    assert refused.value.code in ("file.bomb", "file.broken")


def test_spreadsheet_values(tmp_path: Path) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet("客户")
        date = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, ["名称", "电话", "日期", "金额", "启用", "身份证"])
        sheet.merge_range(1, 0, 2, 0, "甲公司")
        sheet.write_row(1, 1, [13800138000, None, 1234.5, True, 110101199003078888])
        sheet.write_datetime(1, 2, __import__("datetime").datetime(2024, 3, 5), date)
        sheet.write_row(2, 1, ["013900139000", "", 0.1 + 0.2, False])
        book.add_worksheet("说明").write(0, 0, "x")

    table = open_table(workbook(tmp_path / "a.xlsx", fill), name="a.xlsx")
    first, second = table.rows()
    assert table.facts.sheets == ("客户", "说明")
    assert first.values[:5] == ["甲公司", "13800138000", "2024-03-05", "1234.5", "TRUE"]
    assert [problem.code for problem in first.problems] == ["row.digits_lost"]
    assert second.values == ["甲公司", "013900139000", "", "0.3", "FALSE", ""]
    assert open_table(tmp_path / "a.xlsx", sheet="说明").columns[0].name == "x"
    with pytest.raises(Invalid) as refused:
        open_table(tmp_path / "a.xlsx", sheet="没有")
    assert refused.value.code == "file.no_sheet"
    assert "客户" in str(refused.value)


def test_a_sheet_that_begins_further_down_and_right(tmp_path: Path) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet()
        for row in range(3):
            sheet.write_row(4 + row, 2, ["name", "city"] if row == 0 else [f"n{row}", f"c{row}"])

    table = open_table(workbook(tmp_path / "b.xlsx", fill), name="b.xlsx")
    rows = list(table.rows())
    assert table.facts.header_row == 5
    assert [row.number for row in rows] == [6, 7]
    assert [value for value in rows[0].values if value] == ["n1", "c1"]


def test_archives_offer_their_files() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name in ("d/one.csv", "d/two.csv"):
            data = f"name\n{name}\n".encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    content = out.getvalue()
    assert members_of(content, "x.tar.gz") == ("d/one.csv", "d/two.csv")
    assert values_of(content, sheet="d/two.csv") == [["d/two.csv"]]
    assert values_of(content, sheet="one.csv") == [["d/one.csv"]]
    with pytest.raises(Invalid) as refused:
        open_table(content, name="x.tar.gz")
    assert refused.value.code == "file.choose_member"


def test_json_shapes() -> None:
    hubspot = {
        "results": [
            {"id": "1", "properties": {"firstname": "Ann", "tags": ["a", "b"]}},
            {"id": "2", "properties": {"x": None}},
        ]
    }
    table = open_table(json.dumps(hubspot).encode(), name="x.json")
    assert [column.name for column in table.columns] == ["id", "firstname", "tags", "x"]
    assert [row.values for row in table.rows()] == [["1", "Ann", "a; b", ""], ["2", "", "", ""]]
    assert values_of(b'{"id":1,"n":1.10}\n{"id":2,"n":true}\n') == [["1", "1.10"], ["2", "TRUE"]]
    broken = rows_of(b'[{"a": 1}, {"a": 2}, {"a": 3')
    assert [row.values for row in broken[:2]] == [["1"], ["2"]]
    assert broken[2].fatal is not None
    assert broken[2].fatal.code == "row.json_broken"


def test_vcard_with_charset_and_missing_end() -> None:
    card = (
        b"BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=E5=BC=A0;=E4=B8=89\r\n"
        b"FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=E5=BC=A0=E4=B8=89\r\nTEL;CELL:13800138000\r\nEND:VCARD\r\n"
        b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Lost\r\n"
    )
    first, second = rows_of(card)
    assert first.values[0] == "张三"
    assert second.fatal is not None
    assert second.fatal.code == "row.card_unreadable"


def test_reading_needs_constant_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    with path.open("w", encoding="utf-8") as out:
        out.write("name,phone,city,note\n")
        for number in range(200_000):
            out.write(f"客户{number}有限公司,138{number:08d},北京,备注 {number}\n")
    tracemalloc.start()
    count = sum(1 for row in open_table(path).rows() if not row.fatal)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 200_000
    assert peak < 12 * 1024**2
