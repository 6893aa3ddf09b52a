"""The gateway beside its limits and beside what tutorials build: requests per second and p99; and how
long after the answer to a logout it still lets the session's token through.

Everything runs on this machine at once, so only ratios within one run mean something. Each case is
measured in rounds, one after the other (A B A B), and what is printed is the median of the rounds.
"""

import base64
import contextlib
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

MENSHEN = os.environ["BENCH_MENSHEN"]
RUST_PEER = os.environ["BENCH_RUST_PEER"]
ENVOY = os.environ.get("BENCH_ENVOY")
HERE = os.path.dirname(os.path.abspath(__file__))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "4"))
CONNECTIONS = 64
DISTINCT_TOKENS = 2_000
LOGOUTS = 300
PASSWORD = "correct horse battery staple"
TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(port):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise SystemExit(f"nothing listens on {port}")


class Place:
    """A folder, and the processes started in it."""

    def __init__(self, folder):
        self.folder = folder
        self.running = []

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def start(self, name, command, port, **options):
        log = open(os.path.join(self.folder, name + ".log"), "w")
        process = subprocess.Popen(
            command, stdout=log, stderr=log, start_new_session=True, cwd=self.folder, **options
        )
        self.running.append(process)
        wait_for(port)
        return process

    def stop(self):
        for process in reversed(self.running):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def start_provider(place):
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    data = os.path.join(place.folder, "data")
    command = [MENSHEN, "serve", "--json", "--listen", f"127.0.0.1:{port}", "--data", data]
    place.start("provider", command + ["--log-level", "warn"], port)

    def add(client_id, *flags):
        command = [MENSHEN, "client", "add", client_id, "--data", data, *flags]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return re.search(r"client secret\s+(\S+)", said).group(1)

    gateway = add("edge", "--scope", "gateway revocations:read")
    app = [MENSHEN, "client", "add", "phone", "--public", "--first-party", "--data", data,
           "--scope", "orders:read", "--audience", "orders"]
    subprocess.run(app, check=True, capture_output=True)
    user = [MENSHEN, "user", "add", "ada", "--data", data, "--password-stdin"]
    subprocess.run(user, check=True, capture_output=True, input=PASSWORD, text=True)
    service = add("service", "--scope", "orders:read", "--audience", "orders",
                  "--algorithm", "RS256", "--access-token-lifetime", "2h")
    return issuer, gateway, service


def tokens(issuer, secret, count):
    body = urllib.parse.urlencode({"grant_type": "client_credentials", "scope": "orders:read"})
    basic = base64.b64encode(f"service:{secret}".encode()).decode()

    def one(_):
        request = urllib.request.Request(issuer + "/token", body.encode())
        request.add_header("authorization", f"Basic {basic}")
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["access_token"]

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(one, range(count)))


def sign_in(issuer):
    """Access and refresh token of a session of its own, as a phone app gets them."""
    verifier = base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")

    def post(path, **form):
        body = urllib.parse.urlencode({"client_id": "phone", **form}).encode()
        with urllib.request.urlopen(issuer + path, body) as answer:
            return json.load(answer)

    code = post("/authorize-challenge", username="ada", password=PASSWORD,
                code_challenge=challenge.decode(), code_challenge_method="S256")
    return post("/token", grant_type="authorization_code", code_verifier=verifier,
                code=code["authorization_code"])


def stream_forever(listener):
    """A service whose answers never end: a few bytes, again and again."""

    def answer(connection):
        with contextlib.suppress(OSError):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            while True:
                connection.sendall(b"4\r\ntick\r\n")
                time.sleep(0.1)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


class Asking:
    """One connection, kept alive, that asks with a token."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port)

    def status(self, token):
        self.connection.request("GET", "/orders", headers={"authorization": f"Bearer {token}"})
        answer = self.connection.getresponse()
        answer.read()
        return answer.status


def measure_logouts(issuer, port):
    """Milliseconds from a logout's answer to the first request that is refused."""
    bystander = sign_in(issuer)["access_token"]
    streams = []
    for _ in range(CONNECTIONS):
        stream = socket.create_connection(("127.0.0.1", port))
        head = f"GET /stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {bystander}\r\n\r\n"
        stream.sendall(head.encode())
        assert stream.recv(4096).startswith(b"HTTP/1.1 200"), "a stream was refused"
        streams.append(stream)
    asking, waits = Asking(port), []
    for _ in range(LOGOUTS):
        held = sign_in(issuer)
        assert asking.status(held["access_token"]) == 200
        body = urllib.parse.urlencode({"token": held["refresh_token"]}).encode()
        with urllib.request.urlopen(issuer + "/account/logout", body) as answer:
            answer.read()
        answered = time.monotonic()
        while True:
            asked = time.monotonic()
            if asking.status(held["access_token"]) == 401:
                break
        waits.append(max(0.0, (asked - answered) * 1e3))
    for stream in streams:
        stream.close()
    return sorted(waits)


def rsa_key(issuer, place):
    """The provider's RSA key as PEM, for peers that read nothing else."""
    with urllib.request.urlopen(issuer + "/jwks") as answer:
        keys = json.load(answer)["keys"]
    script = (
        "const k = JSON.parse(process.argv[1]);"
        "console.log(require('crypto').createPublicKey({key: k, format: 'jwk'})"
        ".export({type: 'spki', format: 'pem'}))"
    )
    key = next(key for key in keys if key.get("alg") == "RS256")
    pem = subprocess.run(["node", "-e", script, json.dumps(key)], check=True, capture_output=True,
                         text=True).stdout
    return place.write("rsa.pem", pem)


RULES = """
listen = "127.0.0.1:{proxy}"
decisions = "127.0.0.1:{decisions}"

[provider]
issuer = "{issuer}"
client_id = "edge"
cache_capacity = {cache}

[upstream.orders]
url = "http://127.0.0.1:{upstream}"

[upstream.stream]
url = "http://127.0.0.1:{stream}"

[[rule]]
name = "stream"
hosts = ["*"]
paths = ["/stream"]
authenticate = ["bearer"]
audiences = ["orders"]
upstream = "stream"

[[rule]]
name = "open"
hosts = ["*"]
paths = ["/open"]
access = "public"
upstream = "orders"

[[rule]]
name = "orders"
hosts = ["*"]
paths = ["/orders"]
authenticate = ["bearer"]
audiences = ["orders"]
scopes = ["orders:read"]
upstream = "orders"
"""

NGINX = """
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    upstream service {{ server 127.0.0.1:{upstream}; keepalive 128; }}
    upstream gateway {{ server 127.0.0.1:{decisions}; keepalive 128; }}
    upstream bare {{ server 127.0.0.1:{bare}; keepalive 128; }}
    keepalive_requests 1000000000;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    server {{ listen 127.0.0.1:{upstream} backlog=4096; location / {{ return 200 ok; }} }}
    server {{ listen 127.0.0.1:{bare} backlog=4096; location / {{ return 204; }} }}
    server {{
        listen 127.0.0.1:{front} backlog=4096;
        location /open {{ proxy_pass http://service; }}
        location /bare {{ auth_request /ask-bare; proxy_pass http://service; }}
        location /orders {{ auth_request /ask-gateway; proxy_pass http://service; }}
        location = /ask-bare {{
            internal;
            proxy_pass http://bare;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_set_header Connection "";
        }}
        location = /ask-gateway {{
            internal;
            proxy_pass http://gateway/forward-auth/nginx;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_set_header Connection "";
            proxy_set_header X-Original-Method $request_method;
            proxy_set_header X-Original-Scheme $scheme;
            proxy_set_header X-Original-Host $http_host;
            proxy_set_header X-Original-URI $request_uri;
            proxy_set_header X-Forwarded-For $remote_addr;
        }}
    }}
}}
"""

ENVOY_CONFIG = """
static_resources:
  listeners:
{listeners}
  clusters:
  - name: service
    connect_timeout: 1s
    load_assignment: {{cluster_name: service, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {upstream}}}}}}}}}]}}]}}
  - name: gateway
    connect_timeout: 1s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {{http2_protocol_options: {{}}}}
    load_assignment: {{cluster_name: gateway, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {decisions}}}}}}}}}]}}]}}
"""

ENVOY_LISTENER = """
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: bench
          route_config: {{virtual_hosts: [{{name: all, domains: ["*"], routes: [{{match: {{prefix: "/"}}, route: {{cluster: service}}}}]}}]}}
          http_filters:
{check}
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
"""

ENVOY_CHECK = """
          - name: envoy.filters.http.ext_authz
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
              transport_api_version: V3
              grpc_service: {envoy_grpc: {cluster_name: gateway}, timeout: 2s}
"""

WRK = """
local tokens = {}
for line in io.lines(os.getenv("TOKENS")) do tokens[#tokens + 1] = line end
local number, at = 0, 0
function setup(thread) thread:set("number", number); number = number + 1 end
function init(args) at = number * 997 end
function request()
    at = at % #tokens + 1
    return wrk.format("GET", nil, { ["Authorization"] = "Bearer " .. tokens[at] })
end
function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format("RESULT %d %d %d %d\\n", summary.requests, summary.duration,
        latency:percentile(99.0), errors.status + errors.connect + errors.read + errors.timeout))
end
"""


def cpu_seconds(processes):
    """What these processes and those they started have spent."""
    groups = {process.pid for process in processes}
    spent = 0
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{entry}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
            if int(fields[2]) in groups:
                spent += int(fields[11]) + int(fields[12])
    return spent / TICKS


class Case:
    def __init__(self, name, url, token_file, processes):
        self.name, self.url, self.token_file, self.processes = name, url, token_file, processes
        self.rates, self.latencies, self.costs = [], [], []

    def measure(self, script, seconds):
        before = cpu_seconds(self.processes)
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", script, self.url]
        said = subprocess.run(command, check=True, capture_output=True, text=True,
                              env={**os.environ, "TOKENS": self.token_file}).stdout
        requests, micros, p99, errors = map(int, re.search(
            r"RESULT (\d+) (\d+) (\d+) (\d+)", said).groups())
        if errors:
            raise SystemExit(f"{self.name}: {errors} of {requests} requests failed\n{said}")
        spent = cpu_seconds(self.processes) - before
        return requests / (micros / 1e6), p99 / 1e3, spent * 1e6 / requests

    def round(self, script):
        rate, latency, cost = self.measure(script, SECONDS)
        self.rates.append(rate)
        self.latencies.append(latency)
        self.costs.append(cost)


def build(place):
    issuer, gateway_secret, service_secret = start_provider(place)
    held = tokens(issuer, service_secret, DISTINCT_TOKENS)
    one = place.write("one-token", held[0] + "\n")
    many = place.write("many-tokens", "\n".join(held) + "\n")
    ports = {name: free_port() for name in
             ["upstream", "bare", "front", "proxy", "decisions", "proxy0", "decisions0", "redis",
              "node", "rust", "envoy", "envoy_open"]}
    streaming = socket.create_server(("127.0.0.1", 0), backlog=256)
    stream_forever(streaming)
    nginx = place.start("nginx", ["nginx", "-p", place.folder, "-g", "daemon off;", "-c",
                        place.write("nginx.conf", NGINX.format(folder=place.folder, **ports))],
                        ports["front"])

    def gateway(name, proxy, decisions, cache):
        rules = RULES.format(proxy=proxy, decisions=decisions, cache=cache, issuer=issuer,
                             upstream=ports["upstream"], stream=streaming.getsockname()[1])
        command = [MENSHEN, "gateway", "--json", "--log-level", "warn", "--rules",
                   place.write(name + ".toml", rules)]
        process = place.start(name, command, proxy,
                              env={**os.environ, "MENSHEN_GATEWAY_SECRET": gateway_secret})
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{decisions}/readyz")
                return process
            time.sleep(0.05)
        raise SystemExit(f"{name} does not become ready")

    ours = gateway("gateway", ports["proxy"], ports["decisions"], 32_768)
    forgetful = gateway("forgetful", ports["proxy0"], ports["decisions0"], 0)
    redis = place.start("redis", ["redis-server", "--port", str(ports["redis"]), "--save", "",
                                  "--bind", "127.0.0.1"], ports["redis"])
    pem = rsa_key(issuer, place)
    redis_url = f"redis://127.0.0.1:{ports['redis']}"
    node = place.start("node", ["node", os.path.join(HERE, "node/gateway.js"), str(ports["node"]),
                                redis_url, pem], ports["node"])
    rust = place.start("rust", [RUST_PEER, str(ports["rust"]), redis_url, pem], ports["rust"])

    def at(port, path):
        return f"http://127.0.0.1:{ports[port]}{path}"

    cases = [
        Case("nginx, no check", at("front", "/open"), one, [nginx]),
        Case("nginx, auth_request to a bare 204", at("front", "/bare"), one, [nginx]),
        Case("nginx, forward-auth, token seen before", at("front", "/orders"), one, [nginx, ours]),
        Case("proxy, no check", at("proxy", "/open"), one, [ours]),
        Case("proxy, token seen before", at("proxy", "/orders"), one, [ours]),
        Case(f"proxy, {DISTINCT_TOKENS} tokens in turn", at("proxy", "/orders"), many, [ours]),
        Case("proxy, each token as if new", at("proxy0", "/orders"), many, [forgetful]),
        Case("tutorial, Node: JWT and EXISTS, no upstream", at("node", "/orders"), one,
             [node, redis]),
        Case("tutorial, Rust: JWT and EXISTS, no upstream", at("rust", "/orders"), one,
             [rust, redis]),
        Case("axum doing nothing, no upstream", at("rust", "/none"), one, [rust]),
    ]
    if ENVOY:
        listeners = ENVOY_LISTENER.format(port=ports["envoy"], check=ENVOY_CHECK)
        listeners += ENVOY_LISTENER.format(port=ports["envoy_open"], check="")
        config = place.write("envoy.yaml", ENVOY_CONFIG.format(listeners=listeners, **ports))
        envoy = place.start("envoy", [ENVOY, "-c", config, "--concurrency", "1",
                                      "--log-level", "error"], ports["envoy"])
        cases[3:3] = [
            Case("Envoy, no check", at("envoy_open", "/open"), one, [envoy]),
            Case("Envoy, ext_authz gRPC, token seen before", at("envoy", "/orders"), one,
                 [envoy, ours]),
        ]
    return cases, issuer, ports["proxy"]


def main():
    with tempfile.TemporaryDirectory(prefix="menshen-bench.") as folder:
        place = Place(folder)
        try:
            cases, issuer, proxy = build(place)
            script = place.write("wrk.lua", WRK)
            for case in cases:
                case.measure(script, 1)
            for number in range(ROUNDS):
                print(f"round {number + 1} of {ROUNDS}", flush=True)
                for case in cases:
                    case.round(script)
            waits = measure_logouts(issuer, proxy)
        finally:
            place.stop()
    print(f"\n{ROUNDS} rounds of {SECONDS} s, {CONNECTIONS} connections, load on the same cores")
    print(f"{'':<46}{'requests/s':>11}{'min':>9}{'max':>9}{'p99 ms':>9}{'CPU us':>9}")
    for case in cases:
        middle = statistics.median
        print(f"{case.name:<46}{middle(case.rates):>11,.0f}{min(case.rates):>9,.0f}"
              f"{max(case.rates):>9,.0f}{middle(case.latencies):>9.2f}{middle(case.costs):>9.1f}")
    at = [waits[int(len(waits) * share)] for share in (0.5, 0.9, 0.99)] + [waits[-1]]
    print(f"\n{LOGOUTS} logouts while {CONNECTIONS} connections stream: from the answer to the first "
          "request that\nthe proxy refuses, milliseconds: "
          "p50 {:.2f}  p90 {:.2f}  p99 {:.2f}  max {:.2f}".format(*at))


if __name__ == "__main__":
    main()
