"""The pieces of the phone network's recipe that bring and label its speech."""

from __future__ import annotations

import gzip
import io
import tarfile

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("av", reason="needs the engine's packages")

from faceanim.features.phone_classes import INDEX, NAMES  # noqa: E402
from faceanim.train.phones import free, noises, packages  # noqa: E402
from faceanim.train.phones.labels import Utterance  # noqa: E402


def deb(files: dict[str, bytes]) -> bytes:
    """A Debian package: an ar archive with a tar.xz."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    archive = b"!<arch>\n"
    for name, content in (("debian-binary", b"2.0\n1"), ("data.tar.xz", data.getvalue())):
        archive += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content
        archive += b"\n" * (len(content) % 2)
    return archive


def test_a_package_is_unpacked_with_what_is_wanted(tmp_path):
    files = {"./usr/share/a/say.ogg": b"sound", "./usr/share/a/say.png": b"", "./usr/../../evil.ogg": b"",
             "./usr/share/doc/a/copyright": b"free"}  # fmt: skip
    packages.unpack(deb(files), tmp_path / "a")
    found = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert found == ["a/usr/share/a/say.ogg", "a/usr/share/doc/a/copyright"]


def test_every_package_is_pinned():
    assert all(len(p.sha256) == 64 and p.licence and p.path.endswith(".deb") for p in packages.PACKAGES)
    names = {p.name for p in packages.PACKAGES}
    assert len(names) == len(packages.PACKAGES)
    assert {package for _, package, _ in (*free.PROMPTS, *free.HELD_PROMPTS)} <= names


def test_recordings_find_their_texts(tmp_path):
    listed, package = "asterisk-core-sounds-en", "asterisk-core-sounds-en-g722"
    document = tmp_path / listed / "usr/share/doc" / listed
    document.mkdir(parents=True)
    lines = "; prompts\n\nvm-deleted: Message deleted.\nbeep: [a tone]\ndigits/1: one\n"
    (document / "core-sounds-en.txt.gz").write_bytes(gzip.compress(lines.encode()))
    for name in ("vm-deleted", "beep", "digits/1"):
        path = tmp_path / package / "usr/share/asterisk/sounds/en" / f"{name}.g722"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    found = list(free.prompts(tmp_path, [("en", package, "en-us")]))
    assert sorted(r.text for r in found) == ["Message deleted.", "one"]
    level = tmp_path / "fillets-ng-data/script/city"
    level.mkdir(parents=True)
    dialogue = '\ndialogId("a-b", "font", "Hello.")\ndialogStr("Ahoj \\"rybo\\".")\n'
    (level / "dialogs_cs.lua").write_text(dialogue, encoding="utf-8")
    (tmp_path / "fillets-ng-data-cs").mkdir()
    (tmp_path / "fillets-ng-data-cs" / "a-b.ogg").write_bytes(b"")
    assert [(r.text, r.voice) for r in free.games(tmp_path)] == [('Ahoj "rybo".', "cs")]


def test_a_text_is_placed_where_it_is_said_and_left_out_where_it_is_not(data):
    from faceanim.engine.phones import model

    path = data / "emodb" / "wav" / "03a01Nc.flac"
    right = free.Recording("right", path, "Der Lappen liegt auf dem Eisschrank.", "de")
    wrong = right._replace(name="wrong", text="We went swimming in the afternoon.", voice="en-us")
    found = list(free.aligned(iter([right, wrong, right._replace(path=path.with_name("none.flac"))]), model()))
    assert [u.name for u in found] == ["right"]
    said = {NAMES[k] for k in np.unique(found[0].sound)}
    assert {"pcl", "l", "a", "kcl"} <= said and len(found[0].sound) == len(found[0].mel)


def test_laughter_is_breath_and_one_vowel():
    mel = np.random.default_rng(0).normal(-6, 1, (40, 64)).astype(np.float32)
    sound = np.repeat([INDEX["sil"], INDEX["m"], INDEX["a"], INDEX["s"]], 10).astype(np.int8)
    for laugh in noises.laughs([Utterance("x", mel, sound, (sound == INDEX["a"]).astype(np.int8))], 5, 1):
        edges = np.flatnonzero(np.diff(laugh.sound))
        assert set(np.unique(laugh.sound)) == {INDEX["sil"], INDEX["h"], INDEX["a"]}
        assert len(edges) >= 6 and len(laugh.mel) == len(laugh.sound) and np.isfinite(laugh.mel).all()
