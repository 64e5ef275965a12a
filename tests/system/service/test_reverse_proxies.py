"""The configurations of docs/how-to/reverse-proxy.md, in real nginx and Caddy, in front of a real server."""

import os
import re
import shutil
import ssl
import subprocess
from contextlib import contextmanager

import httpx2 as httpx
import pytest
import trustme

from support import ROOT
from support.running_service import Running
from support.servers import free_port, is_open
from support.waiting import wait_until

PAGE = (ROOT / "docs/how-to/reverse-proxy.md").read_text()
NGINX = re.findall(r"```nginx\n(.*?)```", PAGE, re.DOTALL)
CADDY = re.findall(r"```caddy\n(.*?)```", PAGE, re.DOTALL)
HOST = "proxy.test"
PATIENCE_S = 60
PROXY, CLIENT = "127.0.0.1", "127.0.0.2"
"""Addresses that connections come from: only that of the proxies is trusted."""
SPOOFED = {
    "x-forwarded-for": "203.0.113.7",
    "x-forwarded-proto": "http",
    "x-forwarded-host": "evil.example",
    "x-forwarded-prefix": "/evil",
}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    issued = authority.issue_cert(HOST, "127.0.0.1")
    authority.cert_pem.write_to_path(folder / "authority.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "fullchain.pem")
    issued.private_key_pem.write_to_path(folder / "privkey.pem")
    return folder


def program(name):
    """Return the path of a program, installed or unpacked by tests/install_servers.sh."""
    unpacked = ROOT / "build/proxies/usr"
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:{unpacked}/sbin:{unpacked}/bin")
    assert found, f"{name} is missing: run tests/install_servers.sh"
    return found


@contextmanager
def nginx(sites, folder):
    configuration = folder / "nginx.conf"
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration.write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{sites}\n}}"
    )
    with running([program("nginx"), "-e", folder / "error.log", "-c", configuration], folder):
        yield


@contextmanager
def caddy(sites, folder):
    configuration = folder / "Caddyfile"
    configuration.write_text("{\nadmin off\nauto_https disable_redirects\n}\n" + sites)
    environment = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    command = [program("caddy"), "run", "--adapter", "caddyfile", "--config", configuration]
    with running(command, folder, environment):
        yield


@contextmanager
def running(command, folder, environment=None):
    with (folder / "proxy.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def through_nginx(number, port, backend, certificates):
    sites = NGINX[number].replace("8080", str(backend))
    if "server {" not in sites:
        sites = f"server {{\nlisten 443 ssl;\nserver_name {HOST};\n{CERTIFICATE}\n{sites}\n}}"
    return (
        sites.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
        .replace("listen 80;", f"listen 127.0.0.1:{free_port()};")
        .replace("headcount.example;", f"{HOST};")
        .replace("/etc/letsencrypt/live/headcount.example", str(certificates))
    )


CERTIFICATE = """ssl_certificate /etc/letsencrypt/live/headcount.example/fullchain.pem;
ssl_certificate_key /etc/letsencrypt/live/headcount.example/privkey.pem;"""


def through_caddy(number, port, backend, certificates):
    tls = f"bind 127.0.0.1\ntls {certificates}/fullchain.pem {certificates}/privkey.pem"
    return re.sub(
        r"^\w+\.example \{", f"https://{HOST}:{port} {{\n{tls}", CADDY[number], flags=re.MULTILINE
    ).replace("8080", str(backend))


PROXIES = {"nginx": (nginx, through_nginx), "caddy": (caddy, through_caddy)}


@pytest.fixture(
    scope="module",
    params=[(name, number) for name in PROXIES for number in (0, 1)],
    ids=lambda p: f"{p[0]}-{p[1]}",
)
def site(request, certificates, tmp_path_factory):
    """A server behind a proxy: its public URL, a client that trusts its certificate, and the server."""
    (name, number), port = request.param, free_port()
    folder = tmp_path_factory.mktemp(name)
    start, configured = PROXIES[name]
    program(name)
    path = "/headcount" if number else ""
    public_url = f"https://{HOST}:{port}{path}"
    service = Running(folder, public_url=public_url, trusted_proxies=f"{PROXY}/32").start()
    backend = service.url.rsplit(":", 1)[1]
    trust = ssl.create_default_context(cafile=str(certificates / "authority.pem"))
    try:
        with start(configured(number, port, backend, certificates), folder):
            wait_until(lambda: is_open(port), message=(folder / "proxy.log").read_text)
            client = httpx.Client(
                base_url=f"https://127.0.0.1:{port}{path}",
                transport=httpx.HTTPTransport(verify=trust, local_address=CLIENT),
                headers={"host": f"{HOST}:{port}"},
                timeout=PATIENCE_S,
            )
            with client:
                yield client, public_url, service, path
    finally:
        service.stop()


def test_the_api_and_the_stream_work_through_the_proxy(site):
    client, _, service, _ = site
    key = {"Authorization": f"Bearer {service.key}"}
    assert client.get("/readyz").text.strip() == "ok"
    event = {"room": "standup", "kind": "join", "participant_id": "c-1"}
    assert client.post("/v1/events", json=event, headers=key).status_code == 200
    with client.stream("GET", "/v1/stream", headers=key) as stream:
        lines = stream.iter_lines()
        assert next(lines)  # the head arrives before any event
        client.post("/v1/events", json={**event, "room": "live"}, headers=key)
        assert any('"live"' in line for line in lines)


def address_in_access_log(service, action):
    """The address of the newest entry with this action, once there is one: reads appear within a second."""
    with service.client() as client:
        return wait_until(lambda: client.get("/access-log", params={"action": action}).json()["data"])[0][
            "address"
        ]


def test_the_access_log_has_the_address_of_the_client_whatever_it_sends(site):
    client, _, service, _ = site
    key = {"Authorization": f"Bearer {service.key}"}
    assert client.get("/v1/rooms", headers={**key, **SPOOFED}).status_code == 200
    assert address_in_access_log(service, "room.list") == CLIENT
    page = client.get("/dashboard/sign-in", headers=SPOOFED).text
    assert "evil" not in page
    refused = client.get("/v1/rooms", headers={"Authorization": "Bearer hc_nobody", **SPOOFED})
    assert refused.status_code == 401
    assert (
        f"client={CLIENT}"
        in wait_until(
            lambda: [line for line in service.log.read_text().splitlines() if "authentication_failed" in line]
        )[-1]
    )


def test_a_client_that_reaches_the_server_itself_is_no_proxy(tmp_path):
    service = Running(tmp_path, trusted_proxies=f"{PROXY}/32").start()
    try:
        for address, is_trusted in ((CLIENT, False), (PROXY, True)):
            transport = httpx.HTTPTransport(local_address=address)
            with httpx.Client(base_url=service.url, transport=transport, headers=SPOOFED) as client:
                key = {"Authorization": f"Bearer {service.key}"}
                assert client.get(f"/v1/meetings?user_id={address}", headers=key).status_code == 200
                page = client.get("/dashboard/sign-in").text
                assert ('href="/evil/dashboard' in page) is is_trusted
                signed_in = client.post(
                    "/dashboard/sign-in", data={"key": service.key}, headers={"x-forwarded-proto": "https"}
                )
                assert ("secure" in signed_in.headers["set-cookie"].lower()) is is_trusted
        with service.client() as client:
            read = wait_until(
                lambda: (
                    (found := client.get("/access-log", params={"action": "meeting.list"}).json()["data"])[1:]
                    and found
                )
            )
        assert [one["address"] for one in read] == [SPOOFED["x-forwarded-for"], CLIENT]
    finally:
        service.stop()


def test_signing_in_works_through_the_proxy_with_a_secure_cookie(site):
    client, public_url, service, path = site
    page = client.get("/dashboard/sign-in")
    form = re.search(r'<form[^>]*action="([^"]+)"', page.text)
    assert form is None or form[1].startswith(path)
    answer = client.post(
        "/dashboard/sign-in", data={"key": service.key}, headers={"origin": public_url.removesuffix(path)}
    )
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith(f"{path}/dashboard") or answer.headers[
        "location"
    ].startswith(public_url)
    assert "secure" in answer.headers["set-cookie"].lower()
    cookie = answer.headers["set-cookie"].split(";")[0]
    live = client.get("/dashboard", headers={"cookie": cookie})
    assert live.status_code == 200
    links = re.findall(r'(?:href|src)="(/[^"]*)"', live.text)
    assert links
    assert [link for link in links if not link.startswith(path + "/")] == []


def test_the_page_of_the_api_links_within_the_path(site):
    client, _, _, path = site
    links = re.findall(r'(?:href|src)="(/[^"]*)"', client.get("/docs").text)
    assert [link for link in links if not link.startswith(path + "/")] == []


def test_only_the_machine_itself_reads_metrics(certificates, tmp_path):
    """nginx allows its own machine, which the test is on; Caddy refuses all."""
    service = Running(tmp_path).start()
    backend = service.url.rsplit(":", 1)[1]
    try:
        for name, expected in (("nginx", 200), ("caddy", 403)):
            start, configured = PROXIES[name]
            port, folder = free_port(), tmp_path / name
            folder.mkdir()
            with start(configured(0, port, backend, certificates), folder):
                wait_until(lambda port=port: is_open(port))
                verify = ssl.create_default_context(cafile=str(certificates / "authority.pem"))
                url, host = f"https://127.0.0.1:{port}/metrics", {"host": f"{HOST}:{port}"}
                assert httpx.get(url, headers=host, verify=verify).status_code == expected, name
    finally:
        service.stop()


@pytest.mark.parametrize("number", [0, 1])
def test_caddy_accepts_the_configuration_as_it_stands(number, tmp_path):
    file = tmp_path / "Caddyfile"
    file.write_text(CADDY[number])
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    command = [program("caddy"), "validate", "--adapter", "caddyfile", "--config", file]
    ran = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=PATIENCE_S, check=False
    )
    assert ran.returncode == 0, ran.stderr
