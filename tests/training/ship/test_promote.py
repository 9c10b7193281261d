"""Promoting and rolling back: checked first, whole or not at all, whoever else does the same."""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from data.files.new_file import sync
from model.errors import AdapterMismatch, ConfigError, ModelError
from model.loading.adapters import load_adapter
from model.loading.base import no_progress
from model.loading.manifest import MANIFEST, file_sha256
from model.loading.quantised import check_architecture
from model.loading.registry import Registry
from tests.fakes.tiny_model import make_whole_adapter
from training.errors import AdapterError, RegistryError, TrainingError
from training.ship.gate import AlwaysOpen, Candidate, GateRuling
from training.ship.promote import find_adapter, promote, roll_back
from training.ship.registry import locked, store_version, version_of

ROOT = Path(__file__).resolve().parents[3]
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


class Told:
    """Stands in for the worker: what it was told, in order."""

    def __init__(self) -> None:
        self.versions: list[tuple[str, str | None]] = []

    def __call__(self, name: str, version: str | None) -> None:
        self.versions.append((name, version))


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def registry(tmp_path) -> Registry:
    return Registry(tmp_path / "home")


@pytest.fixture(scope="module")
def adapters(base, tmp_path_factory) -> list[Path]:
    """Three whole adapters of the tiny base."""
    folders = [tmp_path_factory.mktemp("adapters") / name for name in ("one", "two", "three")]
    for seed, folder in enumerate(folders):
        make_whole_adapter(base, folder, seed=seed)
    return folders


@pytest.fixture
def copy(adapters, tmp_path) -> Path:
    """A right adapter, to be spoilt."""
    return Path(shutil.copytree(adapters[0], tmp_path / "copy"))


@pytest.fixture
def put(base, registry, told):
    """Promote a folder as `tuned`, with nothing in the way."""

    def put(folder: Path, name: str = "tuned"):
        return promote(folder, name, base, registry, AlwaysOpen(), told)

    return put


def answering(registry: Registry, name: str = "tuned") -> str | None:
    """The version that answers, whose folder is what its name says."""
    folder = registry.folder(name)
    if folder is None:
        return None
    assert version_of(folder) == folder.name
    return folder.name


def leftovers(registry: Registry) -> list[Path]:
    return [path for path in registry.root.rglob("*") if "partial" in path.name]


def test_promotions_follow_each_other_and_are_taken_back_in_turn(put, adapters, registry, told):
    versions = [version_of(folder) for folder in adapters]
    changes = [put(folder) for folder in adapters]
    assert [change.now.version for change in changes] == versions
    assert [change.before and change.before.version for change in changes] == [None, *versions[:2]]
    assert answering(registry) == versions[2]
    backs = [roll_back("tuned", registry, told).now for _ in range(3)]
    assert [back and back.version for back in backs] == [versions[1], versions[0], None]
    assert told.versions == [("tuned", v) for v in [*versions, versions[1], versions[0], None]]
    assert answering(registry) is None
    with pytest.raises(RegistryError, match="nothing to roll back: no adapter was promoted as tun"):
        roll_back("tuned", registry, told)
    assert leftovers(registry) == []


def test_what_is_kept_is_the_adapter_and_nothing_else(put, copy, registry):
    (copy / "optimizer.pt").write_bytes(b"large")
    (copy / "checkpoint-3").mkdir()
    change = put(copy)
    kept = registry.folder("tuned")
    assert kept == registry.root / "tuned" / change.now.version
    assert {path.name for path in kept.iterdir()} == {CONFIG, WEIGHTS, MANIFEST}
    assert (kept / WEIGHTS).read_bytes() == (copy / WEIGHTS).read_bytes()
    assert change.now.adapter == "one"


def test_the_same_adapter_again_is_no_second_turn(put, adapters, registry, told):
    put(adapters[0])
    change = put(adapters[0])
    assert change.now.version == change.before.version
    assert len(registry.current("tuned").promotions) == 1
    assert len(told.versions) == 2, "a worker that missed it is told again"


def test_names_do_not_disturb_each_other(put, adapters, registry, told):
    put(adapters[0])
    put(adapters[1], "spicy")
    roll_back("spicy", registry, told)
    assert answering(registry) == version_of(adapters[0])
    assert answering(registry, "spicy") is None


def refusal(put, folder: Path, kind: type[Exception] = AdapterError) -> str:
    with pytest.raises(kind) as refused:
        put(folder)
    text = str(refused.value)
    assert len(text.splitlines()) == 1
    return text


@pytest.mark.parametrize("missing", [CONFIG, WEIGHTS, MANIFEST])
def test_a_missing_file_is_named(put, copy, registry, missing):
    (copy / missing).unlink()
    assert f"{missing} is missing" in refusal(put, copy)
    assert answering(registry) is None


def test_a_folder_of_something_else_is_refused(put, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "is no whole adapter" in refusal(put, tmp_path / "empty")


@pytest.mark.parametrize("earlier", [False, True], ids=["served hash", "weights' hash"])
def test_weights_that_are_not_the_manifests_are_refused(put, copy, earlier):
    if earlier:
        claim(copy)
    content = (copy / WEIGHTS).read_bytes()
    (copy / WEIGHTS).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert f"is not what its {MANIFEST} says" in refusal(put, copy)


def test_another_alpha_than_the_manifests_is_refused(put, copy):
    config = json.loads((copy / CONFIG).read_text())
    (copy / CONFIG).write_text(json.dumps(config | {"lora_alpha": 3}))
    assert f"is not what its {MANIFEST} says" in refusal(put, copy)


@pytest.mark.parametrize("earlier", [False, True], ids=["served hash", "weights' hash"])
def test_the_record_has_the_hash_that_answers_will_have(put, copy, base, registry, earlier):
    if earlier:
        claim(copy)
    change = put(copy)
    config = check_architecture(base)
    kept = registry.folder("tuned")
    served = load_adapter("tuned", str(kept), base, config, no_progress).hash
    assert served.startswith("lora-sha256:")
    assert change.now.adapter_hash == registry.current("tuned").promotion.adapter_hash == served


def claim(folder: Path, **fields: object) -> None:
    """Change the manifest, and let it name the weights as an earlier version did."""
    manifest = json.loads((folder / MANIFEST).read_text()) | fields
    manifest["adapter_hash"] = f"sha256:{file_sha256(folder / WEIGHTS)}"
    (folder / MANIFEST).write_text(json.dumps(manifest))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(put, copy, number):
    tensors = load_file(copy / WEIGHTS)
    tensors[next(iter(tensors))][0, 0] = number
    save_file(tensors, copy / WEIGHTS)
    claim(copy)
    assert "not finite" in refusal(put, copy, ConfigError)


def test_broken_weights_are_refused(put, copy):
    (copy / WEIGHTS).write_bytes((copy / WEIGHTS).read_bytes()[:500])
    claim(copy)
    assert "cannot be read" in refusal(put, copy, ConfigError)


@pytest.mark.parametrize(("file", "text"), [(CONFIG, "{"), (MANIFEST, "{}")])
def test_broken_json_is_refused(put, copy, file, text):
    (copy / file).write_text(text)
    assert file in refusal(put, copy, ConfigError)


def test_what_the_worker_cannot_serve_is_refused(put, copy):
    config = json.loads((copy / CONFIG).read_text()) | {"use_dora": True}
    (copy / CONFIG).write_text(json.dumps(config))
    assert "use_dora" in refusal(put, copy, ConfigError)


def test_an_adapter_of_another_base_is_refused_with_both_names(put, copy, base):
    claim(copy, base={"id": "another", "hash": "sha256:feed"})
    text = refusal(put, copy, AdapterMismatch)
    assert "another (sha256:feed)" in text
    assert f"{base.id} ({base.hash})" in text


def measured(folder: Path, before: float, after: float) -> None:
    claim(folder, figures={"base_validation_loss": before, "validation_loss": after})


@pytest.mark.parametrize("after", [4.2, 15.7])
def test_an_adapter_that_its_own_manifest_calls_worse_is_refused(put, copy, registry, told, after):
    measured(copy, 4.2, after)
    assert refusal(put, copy, RegistryError) == (
        f"{copy} is not promoted as tuned: its manifest says that it is no better than its base "
        f'(validation loss {after:.4f}, base 4.2000): --override "reason" promotes it all the same'
    )
    assert answering(registry) is None
    assert told.versions == []


def test_a_better_one_is_promoted(put, copy, registry):
    measured(copy, 4.2, 3.1)
    assert put(copy).now.override is None
    assert '"override"' not in (registry.root / "tuned" / "current").read_text()


def test_the_reason_for_a_worse_one_is_recorded(base, copy, registry, told, put):
    measured(copy, 4.2, 15.7)
    change = promote(copy, "tuned", base, registry, AlwaysOpen(), told, override="a try-out")
    assert change.now is not None
    assert change.now.override == "a try-out"
    assert registry.current("tuned").promotion == change.now
    refusal(put, copy, RegistryError)
    assert answering(registry) == version_of(copy)


def test_a_reason_that_was_not_needed_is_not_recorded(base, adapters, registry, told):
    change = promote(adapters[0], "tuned", base, registry, AlwaysOpen(), told, override="in vain")
    assert change.now is not None
    assert change.now.override is None


def test_the_gate_is_asked_before_anything_changes(base, adapters, registry, told, put):
    put(adapters[0])
    asked: list[Candidate] = []

    class Shut:
        def ruling(self, candidate: Candidate) -> GateRuling:
            asked.append(candidate)
            return GateRuling("people liked the other one better")

    with pytest.raises(RegistryError, match="not promoted as tuned: people liked the other one"):
        promote(adapters[1], "tuned", base, registry, Shut(), told)
    assert [(one.name, one.manifest.name) for one in asked] == [("tuned", "two")]
    assert asked[0].before is not None
    assert asked[0].before.adapter == "one"
    assert answering(registry) == version_of(adapters[0])
    assert len(told.versions) == 1


class Refusing:
    """A gate that refuses, and says what the votes came to."""

    def ruling(self, candidate: Candidate) -> GateRuling:
        return GateRuling("too few people", "tuned won 3 of 4 decisive votes")


def test_a_refusal_of_the_gate_is_overridden_for_a_reason_that_stays(
    base, adapters, registry, told
):
    with pytest.raises(RegistryError, match='too few people: --override "reason" promotes it all'):
        promote(adapters[0], "tuned", base, registry, Refusing(), told)
    promote(adapters[0], "tuned", base, registry, Refusing(), told, override="the first one")
    kept = registry.current("tuned").promotion
    assert kept is not None
    assert kept.override == "the first one"
    assert kept.refused == "too few people"
    assert kept.votes == "tuned won 3 of 4 decisive votes"


def test_all_that_stood_against_it_is_recorded(base, copy, registry, told):
    measured(copy, 4.2, 15.7)
    with pytest.raises(RegistryError, match="its manifest says that it is no better"):
        promote(copy, "tuned", base, registry, Refusing(), told)
    change = promote(copy, "tuned", base, registry, Refusing(), told, override="why not")
    assert change.now is not None
    assert change.now.refused == "no better than its base; too few people"


def test_the_votes_are_recorded_where_the_gate_lets_it_pass(base, adapters, registry, told):
    class Passing:
        def ruling(self, candidate: Candidate) -> GateRuling:
            return GateRuling(None, "tuned won 90 of 130 decisive votes")

    change = promote(adapters[0], "tuned", base, registry, Passing(), told, override="in vain")
    assert change.now is not None
    assert (change.now.override, change.now.refused) == (None, None)
    assert change.now.votes == "tuned won 90 of 130 decisive votes"


def test_the_candidate_is_known_by_the_hash_that_its_answers_have(base, adapters, registry, told):
    asked: list[Candidate] = []

    class Asked(AlwaysOpen):
        def ruling(self, candidate: Candidate) -> GateRuling:
            asked.append(candidate)
            return super().ruling(candidate)

    promote(adapters[0], "tuned", base, registry, Asked(), told)
    served = load_adapter("x", str(adapters[0]), base, check_architecture(base), no_progress)
    assert asked[0].served_hash == served.hash
    assert asked[0].served_hash.startswith("lora-sha256:")


def test_the_open_gate_lets_everything_pass(put, adapters):
    assert put(adapters[0]).now is not None


def test_a_damaged_current_is_named_and_nothing_is_overwritten(put, adapters, registry, told):
    put(adapters[0])
    (registry.root / "tuned" / "current").write_text("{")
    for act in (lambda: put(adapters[1]), lambda: roll_back("tuned", registry, told)):
        with pytest.raises(ModelError, match="current: the file: "):
            act()
    assert (registry.root / "tuned" / "current").read_text() == "{"


def test_it_does_not_go_back_to_a_damaged_version(put, adapters, registry, told):
    first = put(adapters[0]).now.version
    second = put(adapters[1]).now.version
    (registry.root / "tuned" / first / WEIGHTS).write_bytes(b"")
    with pytest.raises(RegistryError, match=f"{first}, which answered before, is missing or dam"):
        roll_back("tuned", registry, told)
    assert answering(registry) == second


def test_a_damaged_version_is_mended_by_promoting_it_again(put, adapters, registry, told):
    first = put(adapters[0]).now.version
    (registry.root / "tuned" / first / WEIGHTS).write_bytes(b"")
    put(adapters[0])
    assert answering(registry) == first


def test_a_folder_that_changes_meanwhile_is_refused(put, copy, registry, monkeypatch):
    hash_ = version_of(copy)
    monkeypatch.setattr("training.ship.promote.version_of", lambda _: hash_[::-1])
    assert "changed while it was read" in refusal(put, copy)
    assert answering(registry) is None


def test_a_full_disk_leaves_what_was(put, adapters, registry, monkeypatch):
    put(adapters[0])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", WEIGHTS)

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space"):
        put(adapters[1])
    assert answering(registry) == version_of(adapters[0])
    assert leftovers(registry) == []


def test_another_writer_is_waited_for_and_named_in_the_end(registry):
    with (
        locked(registry),
        pytest.raises(RegistryError, match="written by another process"),
        locked(registry, limit_s=0.1),
    ):
        pass
    with locked(registry, limit_s=0):
        pass


def test_many_at_once_all_come_in(base, adapters, registry, told):
    def put(folder: Path) -> None:
        promote(folder, "tuned", base, registry, AlwaysOpen(), told)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(put, adapters))
    kept = [one.version for one in registry.current("tuned").promotions]
    assert sorted(kept) == sorted(version_of(folder) for folder in adapters)
    assert answering(registry) == kept[-1]
    assert told.versions == [("tuned", version) for version in kept], "told in the same order"
    assert leftovers(registry) == []


# Writes as a promotion does, again and again, killed one look at the disk later each time.
KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from model.loading.registry import Current, Registry
from training.ship.registry import locked, store_version, write_current

before, homes, source = map(Path, sys.argv[1:])
LOOKS = {"open", "os.mkdir", "os.rename", "os.remove", "shutil.copyfile", "shutil.rmtree"}

def write(registry, at):
    seen = 0
    def count(event, _):
        nonlocal seen
        if event in LOOKS:
            seen += 1
            if seen == at:
                os.kill(os.getpid(), signal.SIGKILL)
    with locked(registry):
        current = registry.current("tuned")
        sys.addaudithook(count)
        version = store_version(registry, "tuned", source)
        promotion = current.promotion.model_copy(update={"version": version})
        write_current(registry, "tuned", Current(promotions=(*current.promotions, promotion)))

for at in range(1, 100):
    shutil.copytree(before, homes / str(at))
    child = os.fork()
    if child == 0:
        write(Registry(homes / str(at)), at)
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != -signal.SIGKILL:
        break
"""


def test_a_kill_at_any_moment_leaves_the_old_state_or_the_new(put, adapters, registry, tmp_path):
    put(adapters[0])
    old, new = version_of(adapters[0]), version_of(adapters[1])
    homes = tmp_path / "killed"
    homes.mkdir()
    subprocess.run(
        [sys.executable, "-c", KILLED, str(registry.root.parent), str(homes), str(adapters[1])],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60,
        check=True,
    )
    states: list[str] = []
    for home in sorted(homes.iterdir(), key=lambda path: int(path.name)):
        here = Registry(home)
        states.append(answering(here) or "none")
        with locked(here, limit_s=0):  # the dead one holds no lock
            store_version(here, "tuned", adapters[2])
        assert leftovers(here) == [], "the next writer cleans up"
    assert len(states) > 8, "it was killed at several moments"
    assert states == sorted(states, key=[old, new].index)
    assert {states[0], states[-1]} == {old, new}


def test_an_adapter_is_found_by_folder_training_or_version(put, adapters, registry, tmp_path):
    home = tmp_path / "home"
    (home / "training").mkdir(parents=True)
    trained = Path(shutil.copytree(adapters[0], home / "training" / "tuned-v2"))
    version = put(adapters[1]).now.version

    def find(named: str, name: str = "tuned") -> Path:
        return find_adapter(named, name, home, registry)

    assert find(str(adapters[2])) == adapters[2]
    assert find("tuned-v2") == trained
    assert find(version[:6]) == registry.root / "tuned" / version
    with pytest.raises(AdapterError) as unknown:
        find("tuned-v3")
    assert "no adapter 'tuned-v3'" in str(unknown.value)
    assert str(unknown.value).endswith(f": tuned-v2, {version}")
    for named in (version, "../training/tuned-v2", ""):
        with pytest.raises(TrainingError, match="no adapter"):
            find(named, "spicy")


def test_a_version_kept_can_be_promoted_again(put, adapters, registry, told):
    first = put(adapters[0]).now
    put(adapters[1])
    again = put(registry.root / "tuned" / first.version).now
    assert again == first.model_copy(update={"promoted": again.promoted})
    assert answering(registry) == first.version


def test_everything_is_on_the_disk_before_current_names_it(put, adapters, registry, monkeypatch):
    """The order that survives a power cut: files, folder, rename, its folder; then `current`."""
    done: list[str] = []
    rename, replace_ = Path.rename, Path.replace

    def note(word: str, path: Path) -> None:
        done.append(f"{word} {path.name if 'partial' not in path.name else 'partial'}")

    monkeypatch.setattr("training.ship.registry.sync", lambda p: (note("sync", p), sync(p))[1])
    monkeypatch.setattr(Path, "rename", lambda s, t: (note("rename", t), rename(s, t))[1])
    monkeypatch.setattr(Path, "replace", lambda s, t: (note("replace", t), replace_(s, t))[1])
    version = put(adapters[0]).now.version
    assert done == [
        *(f"sync {name}" for name in (CONFIG, WEIGHTS, MANIFEST)),
        "sync partial",
        f"rename {version}",
        "sync tuned",
        "sync adapters",
        "sync partial",
        "replace current",
        "sync tuned",
    ]
    assert torch.is_tensor(next(iter(load_file(registry.folder("tuned") / WEIGHTS).values())))
