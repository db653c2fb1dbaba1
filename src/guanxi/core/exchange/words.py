"""Words by which files call things: generic ones here by kind of field, those of a business area in its data folder.

An area may bring ``data/import_words.txt``: sections ``[entity key]``, then lines ``field: word, word``; the line
``files:`` lists words in file names that tell of this entity.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path

from django.apps import apps

_PLAIN = re.compile(r"[\W_]+")

#: A cell with one of these says nothing.
BLANK_WORDS = frozenset(
    ("null", "(null)", r"\n", "#n/a", "n/a", "nan", "none", "nil", "(blank)", "(空)", "无数据", "--", "—", "-")
)

#: Keys of choices files write in their own way, by the key meant.
VALUE_WORDS: Mapping[str, tuple[str, ...]] = {
    "male": ("m", "男", "男性", "man", "mr", "先生"),
    "female": ("f", "女", "女性", "woman", "ms", "mrs", "女士"),
    "person": ("individual", "个人", "自然人", "private", "b2c"),
    "organisation": ("organization", "company", "org", "business", "企业", "公司", "单位", "b2b", "legal entity"),
}

_PHONE = "phone,telephone,tel,phone number,telephone number,contact phone,电话,联系电话,电话号码,联系方式"
_PHONES: Mapping[str, str] = {
    "": _PHONE + ",main phone,other phone,primary phone,phones,phone 1 value,phone 2 value,phone 3 value,phone 4 value",
    "mobile": "mobile,mobile phone,mobile number,cell,cell phone,cellphone,手机,手机号,手机号码,移动电话,mobilephone",
    "work": "work phone,business phone,office phone,company phone,direct phone,办公电话,座机,固话,固定电话,公司电话,单位电话,business phone 2",
    "home": "home phone,家庭电话,住宅电话,宅电",
    "fax": "fax,fax number,business fax,work fax,传真,传真号码",
}
_EMAILS: Mapping[str, str] = {
    "": "email,e mail,mail,email address,e mail address,primary email,contact email,emails,preferred email,personal email,"
    "email 2 address,email 3 address,email 1,e mail 1 value,e mail 2 value,e mail 3 value,e mail 4 value,secondary email,"
    "邮箱,电子邮箱,电子邮件,邮件,邮箱地址,邮件地址,email 1 value,alternate email",
    "work": "work email,business email,company email,工作邮箱,公司邮箱,单位邮箱",
    "home": "home email,个人邮箱,私人邮箱",
}
_URLS = "website,web site,url,homepage,home page,web,web page,websites,web address,网址,网站,主页,官网,公司网址,website 1 value"
_PARTS: Mapping[str, str] = {
    "street": "address,street,street address,address 1,address line 1,address1,addressline1,地址,详细地址,街道,街道地址,通讯地址,"
    "联系地址,address street,street 1,full address,location,headquarters location,headquarters,street name",
    "street2": "address 2,address line 2,addressline2,street 2,street2,extended address,address2,suite",
    "city": "city,town,locality,city name,城市,市,所在城市",
    "state": "state,province,state province,stateprovincename,state province name,county,省,省份,所在省份,address region,state or province",
    "district": "district,区,县,区县",
    "postcode": "zip,zip code,postal code,postcode,zip postal code,postalcode,邮编,邮政编码",
    "country": "country,country name,country region,countryregionname,country region name,country code,国家,国家地区",
}
_ADDRESS_LABELS: Mapping[str, tuple[str, ...]] = {
    "billing": ("billing", "bill to", "开票", "账单"),
    "shipping": ("shipping", "ship to", "delivery", "收货", "送货", "发货"),
    "work": ("work", "business", "office", "mailing", "办公", "公司", "单位", "company", "account1", "account"),
    "home": ("home", "家庭", "住宅"),
    "other": ("other", "address 2", "account2", "其他"),
}
NAME_PARTS: Mapping[str, str] = {
    "first": "first name,firstname,given name,givenname,forename,名,名字,given,fname,contact1 first name",
    "middle": "middle name,middlename,additional name,middle initial,middle",
    "last": "last name,lastname,surname,family name,familyname,姓,姓氏,lname,contact1 last name",
    "prefix": "prefix,salutation,name prefix,courtesy title,title of courtesy,称谓,尊称",
    "suffix": "suffix,name suffix",
}
#: Words for fields by their name, where a name says what it means anywhere.
FIELDS: Mapping[str, str] = {
    "name": "name,名称,姓名,full name,display name",
    "owner": "owner,owner name,record owner,assigned to,负责人,所有者,拥有人,归属人,owner email,account owner",
    "description": "description,note,notes,comment,comments,remark,remarks,memo,备注,描述,说明,简介",
    "external_id": "external id,externalid,id,record id,uid,外部编号,系统编号,原系统编号,unique id,guid,编号",
    "created_at": "created at,created,created on,create date,createdate,created date,date created,创建时间,创建日期,建档日期",
    "created_by": "created by,creator,author,创建人,建档人,录入人",
    "updated_at": "updated at,last modified,last modified date,modified date,modified on,修改时间,更新时间,最后修改时间",
    "tags": "tags,tag,labels,categories,标签",
    "gender": "gender,sex,性别",
    "birthday": "birthday,birth date,birthdate,date of birth,dob,bday,生日,出生日期,出生年月",
}


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """Lower case, letters and digits only: how two spellings of a name are compared."""
    return _PLAIN.sub("", text).casefold()


def split(words: str) -> tuple[str, ...]:
    """Words of a comma-separated line, as they are compared."""
    return tuple(plain(word) for word in words.split(",") if word.strip())


@cache
def of_kind(kind: str) -> Mapping[str, tuple[str, str]]:
    """For fields of a kind: word → (part, label)."""
    if kind in ("phones", "phone"):
        return {word: ("", label) for label, words in _PHONES.items() for word in split(words)}
    if kind in ("emails", "email"):
        return {word: ("", label) for label, words in _EMAILS.items() for word in split(words)}
    if kind in ("urls", "url"):
        return dict.fromkeys(split(_URLS), ("", ""))
    if kind != "addresses":
        return {}
    found: dict[str, tuple[str, str]] = {}
    for part, words in _PARTS.items():
        for word in split(words):
            found.setdefault(word, (part, ""))
            for label, prefixes in _ADDRESS_LABELS.items():
                for prefix in prefixes:
                    found.setdefault(plain(prefix) + word, (part, label))
            for number, label in (("1", ""), ("2", "other")):
                found.setdefault(f"address{number}{word}", (part, label))
    return found


@cache
def of_names() -> Mapping[str, str]:
    """Word → part of a person's name."""
    return {word: part for part, words in NAME_PARTS.items() for word in split(words)}


@cache
def of_area(entity: str) -> Mapping[str, tuple[str, ...]]:
    """Field name → words, as the area that declares the entity brings them; ``files`` for words of file names.

    Objects made in the workspace have no area and so no words but their labels.
    """
    app = entity.partition(".")[0]
    if app not in apps.app_configs:
        return {}
    path = Path(apps.get_app_config(app).path) / "data" / "import_words.txt"
    if not path.is_file():
        return {}
    found: dict[str, tuple[str, ...]] = {}
    section = ""
    for line in path.read_text("utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("["):
            section = text.strip("[]")
        elif text and section == entity:
            field, _colon, words = text.partition(":")
            found[field.strip()] = found.get(field.strip(), ()) + split(words)
    return found
