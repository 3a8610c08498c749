"""Fetching from a hub: a server of our own on this machine that answers as the real one does."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from export.checkpoints.hub.hub import commit_of, fetch, fetch_file, refuse_pickles
from export.checkpoints.identity import digest
from export.checkpoints.presets import Hub, ModelSpec
from export.checkpoints.resolve import open_checkpoint, pinned
from runtime.errors import BuildError
from tests.support.fakehub import COMMITS, FakeHub, Repo, running

WEIGHTS = "unet/diffusion_pytorch_model.safetensors"
FILE = "fur.safetensors"
LORA = Hub("owner/model", COMMITS[0], FILE)
VALUES = np.arange(64.0)
ROOT = Path(__file__).parents[4]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    import huggingface_hub.constants as settings

    with running() as server:
        monkeypatch.setattr(settings, "ENDPOINT", server.address)
        monkeypatch.setattr(
            settings,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            server.address + "/{repo_id}/resolve/{revision}/{filename}",
        )
        monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", server.address)
        monkeypatch.setattr(settings, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr("time.sleep", lambda seconds: None)  # before the client asks again
        server.model.files[FILE] = save({"x": VALUES})
        yield server


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def refused(hub: Hub) -> str:
    with pytest.raises(BuildError) as caught:
        fetch_file(hub)
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.fixture(params=["links", "no links"])
def links(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the client's cache can hold links; on many a Windows it cannot."""
    made: bool = request.param == "links"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_SYMLINKS", not made)
    return made


@pytest.mark.usefixtures("links")
@pytest.mark.parametrize("harm", ["flipped", "truncated"])
def test_a_damaged_file_is_fetched_once_more(hub: FakeHub, harm: str) -> None:
    blob = fetch_file(LORA).resolve()
    whole = blob.read_bytes()
    blob.write_bytes(whole[:-9] if harm == "truncated" else whole[:-1] + b"\xff")
    assert load_file(fetch_file(LORA))["x"].tolist() == VALUES.tolist()
    assert hub.sent == [(FILE, 0)] * 2
    fetch_file(LORA)
    assert len(hub.sent) == 2


def test_a_damaged_file_is_one_line_without_a_network(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = fetch_file(LORA).resolve()
    blob.write_bytes(blob.read_bytes()[:-9])
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE forbids the network" in refused(LORA)


@pytest.mark.usefixtures("links")
@pytest.mark.parametrize("by", ["us", "the client"])
def test_what_is_in_the_cache_is_not_fetched_again_nor_kept_twice(
    hub: FakeHub, tmp_path: Path, by: str
) -> None:
    from huggingface_hub import hf_hub_download

    if by == "us":
        fetch_file(LORA)
    else:
        hf_hub_download("owner/model", FILE, revision=COMMITS[0])
    size = len(hub.model.files[FILE])
    assert load_file(fetch_file(LORA))["x"].tolist() == VALUES.tolist()
    assert hub.sent == [(FILE, 0)]
    whole = [
        path
        for path in (tmp_path / "cache").rglob("*")
        if not path.is_symlink() and path.is_file() and path.stat().st_size == size
    ]
    assert len(whole) == 1, whole


def test_blobs_that_repositories_share_are_what_they_are_named_after(
    hub: FakeHub, checkpoint_of: Callable[[str], Path], tmp_path: Path
) -> None:
    """The client moves what it fetched into one store, named after another hash than sha256."""
    store = pytest.importorskip("huggingface_hub.utils._shared_blobs")
    hub.model.files |= files_of(checkpoint_of("sdxs"))
    spec = ModelSpec("m", Hub("owner/model", COMMITS[0]), "")
    cache = tmp_path / "cache"
    for path in open_checkpoint(spec).weights.values():
        blob = path.parent / os.readlink(path)
        size = blob.stat().st_size
        other = hashlib.sha256(b"xet" + path.name.encode() + blob.name.encode()).hexdigest()
        assert store.publish_blob_to_shared_store(
            blob_path=str(blob.resolve()), xet_hash=other, cache_dir=cache, expected_size=size
        )
        assert path.resolve().name == other
    hub.sent.clear()
    again = open_checkpoint(spec)
    assert again.load("vae") is not None
    assert hub.sent == [], "fetched again"


def test_a_branch_is_the_commit_that_it_is_now(hub: FakeHub) -> None:
    spec = ModelSpec("m", Hub("owner/model", "main", FILE), "")
    fetched = fetch(Hub("owner/model", "main"), [FILE])
    assert fetched.folder.name == fetched.hub.revision == COMMITS[0]
    hub.model.commit = COMMITS[1]
    assert isinstance(now := pinned(spec).source, Hub)
    assert now.revision == COMMITS[1]
    fixed = ModelSpec("m", LORA, "")
    assert pinned(fixed) == fixed


def test_without_a_network_a_branch_is_what_it_was(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants as settings

    branch = Hub("owner/model", "main", FILE)
    fetch_file(branch)
    monkeypatch.setattr(settings, "HF_HUB_OFFLINE", True)
    assert commit_of(branch) == COMMITS[0]
    assert fetch_file(branch).is_file(), "what is in the cache needs no network"
    with pytest.raises(BuildError, match=r"owner/other could not .*HF_HUB_OFFLINE"):
        commit_of(Hub("owner/other", "main"))
    assert "HF_HUB_OFFLINE" in refused(Hub("owner/other", COMMITS[0], FILE))


def test_a_connection_that_drops_is_one_line_and_goes_on_where_it_was(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What comes of every answer is half of the file, so the second gives nothing."""
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1000)
    hub.model.files[FILE] = save({"x": np.arange(1e5)})
    hub.stalls = True
    assert "what has come is kept" in refused(LORA)
    assert [start for _, start in hub.sent].count(0) == 1, "it began anew"
    hub.stalls = False
    hub.sent.clear()
    assert len(load_file(fetch_file(LORA))["x"]) == 100_000
    ((_, start),) = hub.sent
    assert start > len(hub.model.files[FILE]) // 2 - 2000, "what had come was fetched again"
    assert not list((tmp_path / "cache").rglob("*part"))


def test_how_far_a_download_is_can_be_told(hub: FakeHub, tmp_path: Path) -> None:
    """In tenths of a gigabyte: this file has none, so that it is told once."""
    told: list[str] = []
    assert fetch_file(LORA, told.append).is_file()
    assert told == [f"{FILE}, 0.0 of 0.0 GB"]
    fetch_file(LORA, told.append)
    assert len(told) == 1, "nothing came"


def test_an_address_that_runs_out_is_asked_for_again(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hub signs the address of a large file for an hour; a slow link takes longer."""
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 100)
    hub.expires = True
    assert load_file(fetch_file(LORA))["x"].tolist() == VALUES.tolist()
    (_, first), (_, second) = hub.sent
    assert first == 0
    assert second > len(hub.model.files[FILE]) // 2 - 200, "it began anew"


@pytest.fixture
def part(hub: FakeHub, tmp_path: Path) -> Path:
    """Where the part of the file that has come is kept."""
    name = hashlib.sha256(hub.model.files[FILE]).hexdigest()
    blobs = tmp_path / "cache" / "models--owner--model" / "blobs"
    blobs.mkdir(parents=True)
    return blobs / f"{name}.wordmorph-part"


def test_a_part_is_removed_when_another_program_has_fetched_the_whole(
    hub: FakeHub, part: Path
) -> None:
    from huggingface_hub import hf_hub_download

    part.write_bytes(hub.model.files[FILE][:50])
    hf_hub_download("owner/model", FILE, revision=COMMITS[0])
    fetch_file(LORA)
    assert not part.exists()


def test_a_part_that_is_damaged_is_thrown_away(hub: FakeHub, part: Path) -> None:
    part.write_bytes(b"something else")
    assert load_file(fetch_file(LORA))["x"].tolist() == VALUES.tolist()
    assert [start for _, start in hub.sent] == [14, 0]
    assert not list(part.parent.glob("*part"))


@pytest.mark.parametrize(
    ("repo", "words"),
    [
        (Repo(status=401, code="RepoNotFound"), "is private (401)"),
        (Repo(status=404, code="RepoNotFound"), "withdrawn or renamed"),
        (Repo(status=403, code="GatedRepo"), "accept its licence on its page, then run 'hf auth"),
        (Repo(status=401, code="GatedRepo"), "accept its licence on its page, then run 'hf auth"),
        (Repo(status=403), "with this token (403)"),
        (Repo(status=403, message="Access to this resource is disabled."), "was disabled"),
        (Repo(status=429), "too many requests (429)"),
        (Repo(status=500), "the hub has a fault (500)"),
    ],
)
def test_what_a_hub_refuses_is_told_apart_with_what_to_do(
    hub: FakeHub, repo: Repo, words: str
) -> None:
    hub.repos["owner/other"] = repo
    text = refused(Hub("owner/other", COMMITS[0], FILE))
    assert text.startswith("owner/other ")
    assert words in text


def test_no_such_revision_and_no_such_file_are_named(hub: FakeHub) -> None:
    assert "has no revision 9" in refused(Hub("owner/model", "9" * 40, FILE))
    assert "has no file mane.safetensors" in refused(
        Hub("owner/model", COMMITS[0], "mane.safetensors")
    )


def test_a_repository_that_was_renamed_is_followed(hub: FakeHub) -> None:
    hub.repos["owner/old"] = Repo(moved_to="owner/model")
    assert load_file(fetch_file(Hub("owner/old", COMMITS[0], FILE)))["x"].tolist()


def test_mirrors_are_tried_in_order_and_the_place_is_kept(hub: FakeHub) -> None:
    hub.repos["a/gated"] = Repo(status=403, code="GatedRepo")
    hub.repos["b/other"] = Repo(files={FILE: save({"x": VALUES + 1})})
    mirrors = (
        Hub("a/gated", COMMITS[0]),
        Hub("b/other", COMMITS[0]),
        Hub("owner/model", COMMITS[0]),
    )
    wanted = MappingProxyType({FILE: hashlib.sha256(hub.model.files[FILE]).hexdigest()})
    gone = Hub("gone/away", "3" * 40, FILE, mirrors=mirrors, sha256=wanted)
    assert load_file(fetch_file(gone))["x"].tolist() == VALUES.tolist(), "another file than asked"
    assert fetch(gone, [FILE]).hub.repo == "owner/model"
    hub.repos["owner/model"].files[FILE] = save({"x": VALUES + 2})
    hub.repos["owner/model"].commit = COMMITS[1]
    text = refused(Hub("gone/away", "3" * 40, FILE, mirrors=mirrors[:2], sha256=wanted))
    assert text.startswith("no place has gone/away: gone/away is not there")
    assert "a/gated asks for consent" in text
    assert "b/other sends a damaged or altered fur.safetensors" in text
    assert "HF_ENDPOINT" in text


def test_a_place_that_lacks_files_gives_way_to_its_mirrors(
    hub: FakeHub, checkpoint_of: Callable[[str], Path]
) -> None:
    """The mirror has half-size weights only, which its own row says."""
    files = files_of(checkpoint_of("sdxs"))
    hub.repos["a/empty"] = Repo(files={"README.md": b"moved"})
    hub.repos["b/pickles"] = Repo(
        files={name.replace(".safetensors", ".bin"): data for name, data in files.items()}
    )
    hub.repos["c/half"] = Repo(
        files={name.replace(".saf", ".fp16.saf"): data for name, data in files.items()}
    )
    mirrors = (Hub("b/pickles", COMMITS[0]), Hub("c/half", COMMITS[0], variant="fp16"))
    source = Hub("a/empty", COMMITS[0], mirrors=mirrors)
    opened = open_checkpoint(ModelSpec("m", source, ""))
    assert opened.source == {"hub": "c/half", "revision": COMMITS[0]}
    with pytest.raises(BuildError) as caught:
        open_checkpoint(ModelSpec("m", Hub("a/empty", COMMITS[0], mirrors=mirrors[:1]), ""))
    assert "a/empty has no model_index.json" in str(caught.value)
    assert "b/pickles has its weights in" in str(caught.value)
    tiny = Hub("a/empty", COMMITS[0], mirrors=(Hub("owner/model", COMMITS[0]),))
    assert fetch(tiny, [FILE]).hub.repo == "owner/model"


def test_mirrors_do_not_change_what_a_model_is() -> None:
    mirrored = Hub(LORA.repo, LORA.revision, FILE, mirrors=(Hub("a/b", COMMITS[0]),))
    assert digest(ModelSpec("m", LORA, "")) == digest(ModelSpec("m", mirrored, ""))


def test_the_environment_chooses_the_hub_and_the_token(hub: FakeHub, tmp_path: Path) -> None:
    """In a process of its own: the hub's client reads them when it is imported."""
    hub.model.token = "secret"
    code = (
        "from export.checkpoints.hub.hub import fetch_file\n"
        "from export.checkpoints.presets import Hub\n"
        "from runtime.errors import BuildError\n"
        "try:\n"
        f"    print(fetch_file(Hub('owner/model', {COMMITS[0]!r}, {FILE!r})))\n"
        "except BuildError as error:\n"
        "    print('refused:', error)\n"
    )

    def run(**changed: str) -> str:
        asked = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home")}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONPATH": str(ROOT)} | asked | changed,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    assert "is private (401)" in run()
    assert "your token (HF_TOKEN) is not valid (401)" in run(HF_TOKEN="wrong")
    assert run(HF_TOKEN="secret").endswith(FILE)


def test_a_repository_of_pickles_is_told_to_convert(hub: FakeHub) -> None:
    hub.model.files = {WEIGHTS.replace(".safetensors", ".bin"): b"\x80\x04"}
    with pytest.raises(BuildError, match=r"weights in unet/.*\.bin: .*convert it"):
        refuse_pickles(LORA)
    hub.model.files = {WEIGHTS: b""}
    refuse_pickles(LORA)
    assert "convert it to safetensors" in refused(Hub("owner/model", COMMITS[0], "unet.bin"))


@pytest.mark.parametrize("variant", ["", ".fp16"])
@pytest.mark.parametrize("wanted", [None, "fp16"])
def test_a_repository_that_has_only_one_variant_serves(
    hub: FakeHub, checkpoint_of: Callable[[str], Path], variant: str, wanted: str | None
) -> None:
    for name, content in files_of(checkpoint_of("sdxs")).items():
        hub.model.files[name.replace(".safetensors", f"{variant}.safetensors")] = content
    source = Hub("owner/model", COMMITS[0], variant=wanted)
    opened = open_checkpoint(ModelSpec("m", source, ""))
    assert opened.source == {"hub": "owner/model", "revision": COMMITS[0]}
    assert all(variant in name for name in opened.weights)
    assert opened.load("unet").config.cross_attention_dim
    assert len(hub.sent) == len(set(hub.sent)), "fetched twice"


def test_no_network_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(BuildError, match="could not be fetched") as caught:
        open_checkpoint(ModelSpec("m", Hub("nobody/nothing", "0" * 40), ""))
    assert "\n" not in str(caught.value)


def test_a_hub_that_does_not_answer_is_one_line(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants as settings

    nowhere = "http://127.0.0.1:9"
    monkeypatch.setattr(settings, "ENDPOINT", nowhere)
    monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", nowhere)
    assert "is there a network?" in refused(LORA)
