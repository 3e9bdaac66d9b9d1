"""Free recorded speech with its texts, from Debian's packages: prompts of telephone systems, games, a Russian voice.

Each package is pinned by its SHA-256, fetched over HTTP and unpacked with Python alone.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import urllib.request
from pathlib import Path, PurePosixPath
from typing import NamedTuple

MIRRORS = ("https://deb.debian.org/debian/", "https://snapshot.debian.org/archive/debian/20250520T000000Z/")
"""Today's, and one that keeps what it had."""
WANTED = frozenset((".g722", ".gsm", ".wav", ".ogg", ".txt", ".gz", ".lua", ".lab"))
DOCUMENTS = "copyright"


class Package(NamedTuple):
    """path: below a mirror; licence: of the recordings, by the package's copyright file."""

    path: str
    sha256: str
    licence: str

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name.split("_")[0]


_CORE, _BY_SA, _GPL = "pool/main/a/asterisk-core-sounds/asterisk-core-sounds-", "CC BY-SA 3.0", "GPL-2.0"
_FILLETS = "pool/main/f/fillets-ng-data/fillets-ng-data"
PACKAGES = (
    Package(f"{_CORE}en_1.6.1-1_all.deb", "973e797d28e37fa6ca3c0a9d6fa717e77cf1268ae916bf09fd3503113cdffa50", _BY_SA),
    Package(f"{_CORE}es_1.6.1-1_all.deb", "9afdab7f559f036649fb406e625899306ca1004df8ebe39c30bfbd5912d66f74", _BY_SA),
    Package(f"{_CORE}fr_1.6.1-1_all.deb", "04c82c78c570c43a7136cbc5e2488d0c470b775468dff9fbce4a131b18cf1056", _BY_SA),
    Package(f"{_CORE}it_1.6.1-1_all.deb", "3884d9457e12f21caa018c18f0d587df5d53ebea14b673d8453a134c5941ab3b", _BY_SA),
    Package(f"{_CORE}ru_1.6.1-1_all.deb", "28a61616bb0cd3345a7ea532dec4df9f071e5d0fa9f8c1a563ea9669002f39ab", _BY_SA),
    Package(
        f"{_CORE}en-g722_1.6.1-1_all.deb", "38c5261820b406dcb0ecb37675720da2b0864850690690352ca52707eb623806", _BY_SA
    ),
    Package(
        f"{_CORE}es-g722_1.6.1-1_all.deb", "e4e3b4281057d3b81b779298fd6be705f57411513955c518eed1bcaabbd615b8", _BY_SA
    ),
    Package(
        f"{_CORE}fr-g722_1.6.1-1_all.deb", "7add61d5e42279ecff1bbdf842a5a946ac3644fac9a0fe44384731aa7270c8e0", _BY_SA
    ),
    Package(
        f"{_CORE}it-g722_1.6.1-1_all.deb", "46b4cf7afc508a5fcfc051b7ea233251c0d195dd4ef83cc4b7facb4c6429b016", _BY_SA
    ),
    Package(
        f"{_CORE}ru-g722_1.6.1-1_all.deb", "673b4238a6b8269960f055d868c6a11083f7a0d00979167cb01554046b48ed9b", _BY_SA
    ),
    Package(
        "pool/main/a/asterisk-prompt-it/asterisk-prompt-it-menardi-wav_1.4.22+mm20110907-3.1_all.deb",
        "3094530d98f8758ac275572d59624c41f60969fef883f34f4886d144f3dfeb21", _BY_SA,
    ),
    Package(
        "pool/main/a/asterisk-prompt-fr-armelle/asterisk-prompt-fr-armelle_20070613-2.2_all.deb",
        "162570b1a9b3512a98f06b89f60c7c17cf1b9b52297315adca9a4e5be728bea3", "BSD-3-Clause",
    ),
    Package(
        "pool/main/a/asterisk-prompt-es-co/asterisk-prompt-es-co_0.20070403-2.1_all.deb",
        "6702696e045514699e87dc8fb70f370717e5df91f821f7bec8dd0df1be008e83", _GPL,
    ),
    Package(f"{_FILLETS}_1.0.1-1.1_all.deb", "25de89afd8b1adf7bcace8290248a6a22c89cd42300317e69000e162c032cf84", _GPL),
    Package(
        f"{_FILLETS}-cs_1.0.1-1.1_all.deb", "3ecef99b9456f1c80c9625c6f2418642b52d58e7167a46bad7a412db17991b14", _GPL
    ),
    Package(
        f"{_FILLETS}-nl_1.0.1-1.1_all.deb", "afb4443fda9ab507dee578b75be857d121718a1cd6017a474f30e0eb13dc9d10", _GPL
    ),
    Package(
        "pool/main/t/tuxpaint-stamps/tuxpaint-stamps-default_2022.06.04-1_all.deb",
        "6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34", _GPL,
    ),
    Package(
        "pool/main/f/festvox-ru/festvox-ru_0.5+dfsg-6_all.deb",
        "21ef3f0f2978ecf2e2eddb367cb0ff4a72572196d28dc69feb84f4177af5e6c4", "BSD-like",
    ),
)  # fmt: skip


def fetch(folder: Path) -> None:
    """Brings what is not there yet to folder/PACKAGE/. Raises SystemExit where no mirror has the very file."""
    for package in PACKAGES:
        target = folder / package.name
        if target.exists():
            continue
        print(f"fetching {package.name}", flush=True)
        temporary = folder / f".{package.name}"
        unpack(_download(package), temporary)
        temporary.rename(target)


def _download(package: Package) -> bytes:
    reason = ""
    for mirror in MIRRORS:
        try:
            with urllib.request.urlopen(mirror + package.path, timeout=60) as answer:
                content = answer.read()
        except OSError as error:
            reason = str(error)
            continue
        if hashlib.sha256(content).hexdigest() == package.sha256:
            return content
        reason = "it is another file by now"
    raise SystemExit(f"cannot fetch {package.path}: {reason}")


def unpack(package: bytes, folder: Path) -> None:
    """The sounds and texts of a .deb: an ar archive (members behind 60 bytes of header, at even places) of tars."""
    at = 8
    while at < len(package):
        name, size = package[at : at + 16].decode().strip(" /"), int(package[at + 48 : at + 58])
        content = package[at + 60 : at + 60 + size]
        if name.startswith("data.tar"):
            with tarfile.open(fileobj=io.BytesIO(content)) as tar:
                for member in filter(_wanted, tar):
                    path = folder / PurePosixPath(member.name)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(tar.extractfile(member).read())
        at += 60 + size + size % 2


def _wanted(member: tarfile.TarInfo) -> bool:
    inside = PurePosixPath(member.name)
    within = ".." not in inside.parts and not inside.is_absolute()
    return member.isfile() and within and (inside.suffix in WANTED or inside.name == DOCUMENTS)
