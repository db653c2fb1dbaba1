"""The settings file on a page: downloaded, compared, applied, and gone back to."""

from __future__ import annotations

import json
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from guanxi.core.exchange import packing, packs
from guanxi.core.exchange.jobs import pack_do
from guanxi.core.models import (
    AppliedPack,
    CustomObject,
    DictionaryValue,
    Notification,
    Operation,
    Role,
    SettingsVersion,
    Snippet,
)
from guanxi.core.records import objects

HOME = "/settings/file/"


def sent(content: str) -> dict[str, Any]:
    return {"file": SimpleUploadedFile("settings.json", content.encode())}


def test_a_file_is_compared_then_applied_then_taken_back(browse: Any, cast: Any) -> None:
    client = browse("root")
    assert client.get(HOME).status_code == 200
    assert json.loads(client.get(f"{HOME}download/").content)["guanxi"] == {"format": 1, "complete": True}
    assert client.post(HOME, {"do": "keep", "comment": "起点"}).status_code == 303
    kept = SettingsVersion.objects.get()
    part = json.dumps({"guanxi": {"format": 1}, "snippets": [{"key": "hi", "name_zh": "问候", "text_zh": "您好"}]})
    answer = client.post(HOME, sent(part))
    assert answer.status_code == 303
    page = client.get(answer.headers["Location"])
    assert "hi" in page.content.decode()
    assert not Snippet.objects.exists()
    assert client.post(answer.headers["Location"]).status_code == 303
    assert Snippet.objects.get().text_zh == "您好"
    assert 'hx-disabled-elt="find button"' in client.get(f"{HOME}{kept.pk}/").content.decode()
    assert client.post(f"{HOME}{kept.pk}/").status_code == 303
    assert not Snippet.objects.exists()


def test_bad_files_and_strangers(browse: Any, cast: Any) -> None:
    client = browse("root", "zh-hans")
    assert client.post(HOME, sent("nonsense")).status_code == 422
    assert client.post(HOME, {}).status_code == 422
    alice = browse("alice")
    for address in (HOME, f"{HOME}download/", f"{HOME}1/"):
        assert alice.get(address).status_code == 403


def test_a_pack_says_whom_its_roles_wait_for(browse: Any, cast: Any) -> None:
    packs.apply(cast.root, "logistics", with_samples=False)
    cast.alice_user.roles.add(Role.objects.get(key="freight_sales"))
    page = browse("root", "en").get("/settings/packs/").content.decode()
    role = Role.objects.get(key="freight_sales")
    assert (
        f'<a href="/people/roles/{role.pk}/">Freight sales</a> <span class="text-secondary">(1 person)</span>' in page
    )
    assert "(nobody yet)" in page
    assert "hx-confirm" in page
    CustomObject.objects.all().delete()
    objects.sync()


def test_a_pack_is_applied_by_a_job_whose_progress_and_end_the_page_shows(browse: Any, cast: Any) -> None:
    client = browse("root", "en")
    assert client.post("/settings/packs/", {"pack": "logistics", "do": "apply"}).status_code == 303
    operation = Operation.objects.get(sort=packing.SORT)
    assert (operation.state, AppliedPack.objects.exists()) == ("waiting", False)
    page = client.get("/settings/packs/").content.decode()
    assert "data-again" in page
    assert "Being applied" in page
    assert client.post("/settings/packs/", {"pack": "insurance", "do": "apply"}).status_code == 409
    pack_do(operation_id=operation.pk)
    assert AppliedPack.objects.get().key == "logistics"
    assert Notification.objects.get(sort="operation").values["name"] == packs.pack_of("logistics").name_en
    page = client.get("/settings/packs/").content.decode()
    assert f"{Operation.objects.get().result['changed']} settings, 0 sample records." in page

    row = DictionaryValue.objects.filter(dictionary__key="freight_mode")[0]
    row.name_zh = "本地改的"
    row.save()
    assert client.post("/settings/packs/", {"pack": "logistics", "do": "apply"}).status_code == 303
    pack_do(operation_id=Operation.objects.latest("pk").pk)
    page = client.get("/settings/packs/").content.decode()
    assert "1 setting is left as it is" in page
    assert "freight_mode" in page
    one = CustomObject.objects.get(icon="route")  # none of those offered
    assert f'<option value="{one.icon}" selected' in client.get(f"/settings/objects/{one.key}/").content.decode()
    packs.remove(cast.root, "logistics")
    assert "left as it is" not in client.get("/settings/packs/").content.decode()
    CustomObject.objects.all().delete()
    objects.sync()


def test_a_pack_that_cannot_be_applied_says_why_and_one_that_broke_is_not_waited_for(browse: Any, cast: Any) -> None:
    client = browse("root", "en")
    assert browse("alice").post("/settings/packs/", {"pack": "logistics", "do": "apply"}).status_code == 403
    assert not Operation.objects.exists()
    assert client.post("/settings/packs/", {"pack": "logistics", "do": "remove"}).status_code == 303
    pack_do(operation_id=Operation.objects.get().pk)
    assert Operation.objects.get().state == "failed"
    assert "This pack is not applied." in client.get("/settings/packs/").content.decode()
    cast.root_user.is_active = False
    cast.root_user.save()
    left = packing.pack_begin(cast.root, "logistics")
    pack_do(operation_id=left.pk)
    left.refresh_from_db()
    assert (left.state, AppliedPack.objects.exists()) == ("failed", False)
