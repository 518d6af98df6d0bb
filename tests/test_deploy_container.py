"""docs/deploy: the container. The Dockerfile's steps are executed in an empty folder, its command and
its health check after them, by an ordinary user; the commands of compose.yaml run on PostgreSQL.
No image is built: no container engine runs here.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests
import yaml

from icalbridge import sandbox
from icalbridge.models import utcnow
from icalbridge.settings import table
from tests.fixtures.commands import ROOT, answer, free_port, run, until
from tests.fixtures.documents import section
from tests.fixtures.nginx import (
    CONFIGURATION,
    make_certificate,
    replace_placeholders,
    serving_with_nginx,
)
from tests.fixtures.serving import serving
from tests.fixtures.strangers import (
    bare_environment,
    checkout,
    lend_packages,
    ordinary_user,
    started,
    stop,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from wsgiref.types import StartResponse

pytestmark = pytest.mark.xdist_group("container")  # what is installed serves all of them
KEY = "key-of-a-container"
LATER = {"EXPOSE", "VOLUME", "USER", "HEALTHCHECK", "CMD"}
"""Instructions that say how a container runs; those before make the image."""
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]


@pytest.fixture(scope="module")
def vendor() -> Iterator[str]:
    """A small district in place of Facilitron."""
    today = sandbox.district_day(utcnow())
    world = sandbox.build_world(seed=3, today=today, schools=1, facilities=2, events_per_day=1)
    app = sandbox.create_app(world, keys=(KEY,), rate_per_minute=100_000, quota_per_day=1_000_000)
    with sandbox.serve_in_thread(app) as url:
        yield url


def instructions() -> list[tuple[str, str]]:
    """Return the lines of the Dockerfile, as word and rest."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text("utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


@dataclass
class Container:
    """The file system of an image below a folder, and how a container of it runs."""

    root: Path
    context: Path
    user: int | None
    environment: dict[str, str]
    folder: str = "/"
    later: dict[str, str] = field(default_factory=dict)

    def path(self, absolute: str) -> str:
        """Return where an absolute path is in this test."""
        return re.sub(r"(?<![\w.:/])/(?=app\b|var/)", f"{self.root}/", absolute)

    def execute(self, word: str, rest: str) -> None:
        """Do what one instruction says; one that the test does not know fails it."""
        match word:
            case "FROM":
                assert rest.startswith("python:3.")
            case "ENV":
                pairs = (pair.partition("=") for pair in shlex.split(rest))
                self.environment |= {name: self.path(value) for name, _, value in pairs}
            case "WORKDIR":
                self.folder = rest
                self._run(f"mkdir -p {self.path(rest)}", folder="/")
            case "COPY":
                self._copy(*rest.split())
            case "RUN":
                self._run(self.path(rest))
            case _:
                assert word in LATER
                self.later[word] = rest

    def _copy(self, *paths: str) -> None:
        *sources, target = paths
        for source in sources:
            path = self.context / source
            assert path.exists(), f"{source} is not in the context"
            inside = f"mkdir -p {target} && cp -R {path}/. {target}"
            self._run(inside if path.is_dir() else f"cp {path} {target}")

    def _run(self, script: str, folder: str | None = None) -> None:
        done = subprocess.run(
            ["/bin/sh", "-ec", script],
            cwd=folder or self.path(self.folder),
            env=self.environment,
            user=self.user,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"

    def command(self, word: str) -> list[str]:
        """Return the words of CMD or HEALTHCHECK."""
        rest = self.later[word]
        words: list[str] = json.loads(rest[rest.index("[") :])
        return words

    def is_healthy(self) -> bool:
        """Ask the health check once."""
        done = subprocess.run(
            self.command("HEALTHCHECK"),
            env=self.environment,
            user=self.user,
            cwd=self.root,
            capture_output=True,
        )
        return done.returncode == 0


def _context(source: Path, target: Path) -> Path:
    """Copy what .dockerignore lets into the context."""
    lines = (source / ".dockerignore").read_text().split()
    assert lines[0] == "*"
    let_in = [line.removeprefix("!") for line in lines if line.startswith("!")]
    for path in source.iterdir():
        if not any(fnmatch(path.name, name) for name in let_in):
            continue
        if path.is_dir():
            shutil.copytree(path, target / path.name)
        else:
            shutil.copy(path, target / path.name)
    return target


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """What the Dockerfile makes in an empty folder, with Python's own environment as its base."""
    source = checkout(tmp_path_factory.mktemp("source") / "icalbridge")
    user, python = ordinary_user()
    with tempfile.TemporaryDirectory(prefix="container-") as folder:
        root = Path(folder)
        (root / "context").mkdir()
        context = _context(source, root / "context")
        lend_packages(root / "lent")
        bare = bare_environment(root) | {"PYTHONPATH": str(root / "lent")}
        bare["PATH"] = f"{root}/base/bin:{bare['PATH']}"
        if user is not None:
            os.chown(root, user, user)
        venv = [python, "-m", "venv", "--without-pip", str(root / "base")]
        subprocess.run(venv, check=True, user=user, env=bare, cwd=root)
        made = Container(root, context, user, bare)
        for word, rest in instructions():
            made.execute(word, rest)
        yield made


def test_image_serves_and_knows_its_health(container: Container, vendor: str) -> None:
    """CMD is one tree of processes that ends cleanly; the health check fails before and after."""
    port = free_port()
    environment = {
        **container.environment,
        "FACILITRON_API_KEY": KEY,
        "FACILITRON_API_URL": vendor,
        "FACILITRON_RATE_PER_MINUTE": "60000",
        "PORT": str(port),
        "WEB_CONCURRENCY": "1",
    }
    container.environment = environment
    assert not container.is_healthy()
    program, *rest = container.command("CMD")
    installed = container.root / "base/bin" / program
    folder = Path(container.path(container.folder))
    with started([str(installed), *rest], folder, environment, container.user) as process:
        until(lambda: answer(f"http://127.0.0.1:{port}/readyz"), "readiness")
        assert container.is_healthy()
        assert _groups(process.pid) == {process.pid}
        stop(process)
    assert not container.is_healthy()
    state = Path(container.path("/var/lib/icalbridge"))
    assert [file.name for file in state.iterdir()] == ["icalbridge.db"]


def _groups(group: int) -> set[int]:
    """Return the process groups of a process and its children."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(words[3]) == group:  # its session
            found.add(int(words[2]))
    return found


def test_image_runs_without_root(container: Container) -> None:
    """As a number, which Kubernetes can check, of a group that may write where the database is."""
    assert container.later["USER"] == "10001:0"
    state = Path(container.path("/var/lib/icalbridge"))
    assert state.stat().st_mode & 0o777 == 0o770
    assert container.later["VOLUME"] == "/var/lib/icalbridge"
    order = [word for word, _ in instructions()]
    assert "RUN" not in order[order.index("USER") :]


# compose.yaml


def _interpolated(text: str, variables: dict[str, str]) -> str:
    """Fill in ${NAME:?error} as compose does."""
    return re.sub(r"\$\{(\w+)(?::\?[^}]*)?\}", lambda found: variables[found[1]], text)


def test_compose_sets_what_are_settings() -> None:
    """And what it needs beside them is at its top, and in the page."""
    known = {name for name, _, _ in table()}
    text = (ROOT / "compose.yaml").read_text("utf-8")
    needed = set(re.findall(r"\$\{(\w+)", text))
    assert needed == set(re.findall(r"^#   ([A-Z_]+) ", text, re.MULTILINE))
    assert needed & known == set()
    for name in ("web", "worker"):
        assert SERVICES[name]["env_file"] == ".env"
        assert set(SERVICES[name]["environment"]) <= known
    page = section("docs/deploy/README.md", "Container")
    assert {name for name in needed if f"`{name}`" in page} == needed


def test_compose_starts_what_depends_on_each_other() -> None:
    """Services, volumes and health checks that are named are there."""
    for service in SERVICES.values():
        for name, condition in service.get("depends_on", {}).items():
            assert condition["condition"] == "service_healthy"
            checked = SERVICES[name].get("healthcheck", {"test": "the image's"})
            assert "test" in checked
    named = [
        volume.partition(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if re.match(r"\w+:", volume)
    ]
    assert set(named) == set(COMPOSE["volumes"])
    assert [name for name, service in SERVICES.items() if service.get("ports")] == ["nginx"]
    grace = int(SERVICES["web"]["stop_grace_period"].removesuffix("s"))
    assert grace > 35  # `serve.STOP_SECONDS`


def test_nginx_of_compose_serves_the_web_server(tmp_path: Path) -> None:
    """Its command makes the documented configuration its own, with the certificate where the volume
    is; nginx serves it in front of a server in place of `web`.
    """
    service, host = SERVICES["nginx"], "calendars.lincoln.example"
    shell, option, script = service["command"]
    assert service["volumes"][0] == "./docs/deploy/nginx.conf:/nginx.conf:ro"
    made = tmp_path / "default.conf"
    moved = script.replace("$$", "$").replace("/etc/nginx/conf.d/default.conf", str(made))
    moved = moved.replace("/nginx.conf", str(CONFIGURATION)).replace("exec nginx", "echo")
    out = subprocess.check_output(
        [shell, option, moved], env={"PATH": os.environ["PATH"], "PUBLIC_HOST": host}, text=True
    )
    assert out.split() == ["-g", "daemon", "off;"]
    text = made.read_text("utf-8")
    variables = {"PUBLIC_HOST": host, "CERTIFICATES": "./certificates"}
    _, target, _ = _interpolated(service["volumes"][1], variables).split(":")
    assert {"calendars.example.org", "127.0.0.1:8000"} & {*re.findall(r"[\w.:]+", text)} == set()
    assert service["ports"] == ["80:80", "443:443"]
    make_certificate(tmp_path)
    port = free_port()
    with serving(lambda environ, start: _hello(environ["HTTP_HOST"], start)) as origin:
        replacements = {
            "server web:8000;": f"server {urlsplit(origin).netloc};",
            "listen 80;": f"listen 127.0.0.1:{free_port()};",
            "    listen [::]:80;\n": "",
            "listen 443 ssl http2;": f"listen 127.0.0.1:{port} ssl http2;",
            "    listen [::]:443 ssl http2;\n": "",
            target: str(tmp_path),
            "/var/cache/icalbridge-nginx": str(tmp_path / "cache"),
            "/var/log/nginx": str(tmp_path),
        }
        with serving_with_nginx(tmp_path, replace_placeholders(text, replacements)):
            response = requests.get(
                f"https://127.0.0.1:{port}/",
                headers={"Host": host},
                verify=str(tmp_path / "fullchain.pem"),
                timeout=30,
            )
    assert (response.status_code, response.text) == (200, host)


def _hello(host: str, start: StartResponse) -> list[bytes]:
    """Answer with the host that was requested."""
    start("200 OK", [("Content-Type", "text/plain"), ("Cache-Control", "no-store")])
    return [host.encode()]


def test_commands_of_compose_run_on_postgresql(
    postgresql_url: str, vendor: str, tmp_path: Path
) -> None:
    """`web` and `worker` share a database, as an ordinary `.env` has it."""
    variables = {"PUBLIC_HOST": "calendars.example.org", "POSTGRES_PASSWORD": "secret1"}
    port = free_port()
    shutil.copy(ROOT / ".env.example", tmp_path / ".env")
    settings = {
        name: _interpolated(value, variables)
        for name, value in SERVICES["web"]["environment"].items()
    }
    assert settings.pop("DATABASE_URL") == "postgresql://icalbridge:secret1@db/icalbridge"
    environment = {
        **bare_environment(tmp_path),
        **settings,
        "DATABASE_URL": postgresql_url,
        "FACILITRON_API_KEY": KEY,
        "FACILITRON_API_URL": vendor,
        "FACILITRON_RATE_PER_MINUTE": "60000",
        "PORT": str(port),
        "WEB_CONCURRENCY": "1",
        "PYTHONPATH": f"{ROOT}:{bare_environment(tmp_path)['PYTHONPATH']}",
    }
    with ExitStack() as stack:
        processes = []
        for name in ("web", "worker"):
            program, *rest = SERVICES[name]["command"]
            assert program == "icalbridge"
            command = [sys.executable, "-m", program, *rest]
            processes.append(stack.enter_context(started(command, tmp_path, environment)))
        until(lambda: answer(f"http://127.0.0.1:{port}/readyz"), "readiness")
        robots = requests.get(f"http://127.0.0.1:{port}/robots.txt", timeout=30).text
        assert "https://calendars.example.org/sitemap.xml" in robots
        for process in processes:
            stop(process)
    assert run("status", DATABASE_URL=postgresql_url).returncode == 0
