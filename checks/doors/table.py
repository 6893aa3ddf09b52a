"""What every door promises, whichever proxy it is for. A promise is a function with a `Case`: it
sends requests and asserts what came of them."""

import json
import subprocess
import urllib.parse
from dataclasses import dataclass

from visitor import Visitor
from wire import Address, Answer, request
from world import PASSWORD, World, eventually

REFUSED = {400, 401, 403, 404, 405, 414, 421, 431, 501, 505}
OURS = ["subject", "client", "session", "scope", "roles", "acr", "jwt"]


@dataclass
class Case:
    """One door, and somebody who is signed in."""

    world: World
    door: Address
    token: str
    claims: dict

    @property
    def bearer(self):
        return f"Authorization: Bearer {self.token}"

    def send(self, target, *lines, **more):
        return self.door.send(request(target, *lines, **more))

    def curl(self, target, *flags):
        """The body and the status that curl gets."""
        scheme, port = ("https", 443) if self.door.tls else ("http", 80)
        command = ["curl", "-sk", "-m", "20", "-w", "\n%{http_code}", *flags]
        command += ["--connect-to", f"api.example.com:{port}:127.0.0.1:{self.door.port}"]
        command.append(f"{scheme}://api.example.com{target}")
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        body, _, status = said.rpartition("\n")
        return Answer(int(status), [], body)

    def reached(self, answer: Answer):
        """What the service behind got, for a request that came through."""
        assert answer.status == 200, (answer.status, answer.body[:200])
        return json.loads(answer.body)

    def kept_out(self, raw, statuses=frozenset(REFUSED)):
        """Sends a request without credentials; whatever arrives behind must be for everybody."""
        self.world.echo.seen.clear()
        answer = self.door.send(raw)
        for seen in self.world.echo.seen:
            assert for_everybody(seen), (raw, seen)
        # Caddy answers with nothing where it has no site.
        if not self.world.echo.seen and (answer.status, answer.body) != (200, ""):
            assert answer.status in statuses | {0, 302}, (raw, answer.status)
        return answer


def for_everybody(seen):
    """Whether a public rule covers what a service got, however it reads the path."""
    host = header(seen, "host").rsplit(":", 1)[0].rstrip(".").lower()
    target = seen["target"]
    if "://" in target.split("?")[0]:
        host = urllib.parse.urlsplit(target).hostname
        target = urllib.parse.urlsplit(target).path
    path = target.split("?")[0]
    for _ in range(3):
        path = urllib.parse.unquote(path)
    parts = [part.split(";")[0] for part in path.replace("\\", "/").lower().split("/")]
    if ".." in parts:
        return False
    parts = [part.rstrip(". ") for part in parts if part not in ("", ".")]
    return host == "www.example.com" or (host == "api.example.com" and parts[:1] == ["open"])


def header(seen, name):
    return ", ".join(value for key, value in seen["headers"] if key.lower() == name)


def identity(seen):
    """What a service that knows neither case nor dash from underscore takes for our headers."""
    found = {name: [] for name in OURS}
    for key, value in seen["headers"]:
        name = key.lower().replace("_", "-").removeprefix("x-auth-")
        if name in found and key.lower().replace("_", "-").startswith("x-auth-"):
            found[name].append(value)
    return {name: values for name, values in found.items() if any(values)}


def told(case):
    claims = case.claims
    return {
        "subject": [claims["sub"]],
        "client": ["shop"],
        "session": [claims["sid"]],
        "scope": ["orders:read"],
    } | ({"acr": [claims["acr"]]} if "acr" in claims else {})


# What is let through, and what the service behind is told


def who_may_gets_through_and_the_service_is_told_who_asks(case):
    seen = case.reached(case.send("/orders/7?x=1&y=%2F..", case.bearer))
    assert (seen["method"], seen["target"]) == ("GET", "/orders/7?x=1&y=%2F.."), seen
    assert header(seen, "host").split(":")[0] == "api.example.com", seen
    assert identity(seen) == told(case), seen
    assert header(seen, "x-request-id"), seen


def a_body_arrives_whole(case):
    body = "x" * 100_000
    seen = case.reached(case.send("/orders/7", case.bearer, method="POST", body=body))
    assert (seen["method"], seen["body"]) == ("POST", body)
    chunks = "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    head = request("/orders/7", case.bearer, "Transfer-Encoding: chunked", method="POST")
    seen = case.reached(case.door.send(head + chunks.encode()))
    assert seen["body"] == "hello world", seen


def everybody_gets_what_is_for_everybody(case):
    seen = case.reached(case.send("/open/hours?day=1"))
    assert identity(seen) == {}, seen
    case.reached(case.send("/open/hours", host="API.example.COM"))


def cookies_arrive_and_nothing_is_made_up(case):
    seen = case.reached(case.send("/open/a", "Cookie: a=1; b=2"))
    assert header(seen, "cookie") == "a=1; b=2", seen
    long = "a=" + "1" * 6000
    assert header(case.reached(case.send("/open/a", f"Cookie: {long}")), "cookie") == long
    seen = case.reached(case.send("/open/a"))
    names = {key.lower() for key, _ in seen["headers"]}
    assert not names & {"cookie", "authorization", "dpop"}, seen


def credentials_stay_at_the_door_unless_a_rule_hands_them_on(case):
    seen = case.reached(case.send("/orders/7", case.bearer))
    assert not header(seen, "authorization"), seen
    seen = case.reached(case.send("/ledger/7", case.bearer))
    assert header(seen, "authorization") == f"Bearer {case.token}", seen
    assert identity(seen) == {}, seen


# What is refused, and how


def nobody_gets_in_without_credentials(case):
    answer = case.kept_out(request("/orders/7"), {401})
    challenges = answer.header("www-authenticate")
    assert "Bearer" in challenges and "DPoP" in challenges, answer.headers


def a_token_that_does_not_hold_is_challenged(case):
    broken = case.bearer[:-4] + "AAAA"
    answer = case.kept_out(request("/orders/7", broken), {401})
    assert 'error="invalid_token"' in answer.header("www-authenticate"), answer.headers


def a_token_without_the_scope_is_forbidden(case):
    answer = case.kept_out(request("/stock/7", case.bearer), {403})
    assert "insufficient_scope" in answer.header("www-authenticate"), answer.headers


def what_no_rule_is_about_is_forbidden(case):
    case.kept_out(request("/nowhere", case.bearer), {403})
    case.kept_out(request("/orders/7", case.bearer, method="DELETE"), {403})
    case.kept_out(request("/admin/", case.bearer), {403})
    case.kept_out(request("/orders/7", case.bearer, host="else.example.com"), {403, 404, 421})


def a_browser_is_sent_to_sign_in_and_a_script_is_not(case):
    answer = case.send("/desk/a?b=c", "Accept: text/html,*/*;q=0.8")
    assert answer.status == 302, (answer.status, answer.body)
    there = urllib.parse.urlsplit(answer.header("location"))
    assert there.netloc.split(":")[0] in ("", "api.example.com"), answer.headers
    assert f"{there.path}?{there.query}" == "/.menshen/login?return_to=%2Fdesk%2Fa%3Fb%3Dc", there
    case.kept_out(request("/desk/a", "Accept: */*"), {401})
    case.kept_out(request("/desk/a", "Accept: text/html", "Sec-Fetch-Mode: cors"), {401})


def two_sets_of_credentials_are_one_too_many(case):
    for lines in [
        [case.bearer, case.bearer],
        [case.bearer, "Authorization: Bearer x"],
        ["Authorization: Basic eDp5", case.bearer],
    ]:
        case.kept_out(request("/orders/7", *lines), {400, 401})


def too_many_requests_are_told_when_to_come_back(case):
    answers = [case.send("/rare/a") for _ in range(5)]
    assert [answer.status for answer in answers][-2:] == [429, 429], answers
    assert int(answers[-1].header("retry-after")) > 0, answers[-1]


def scripts_of_a_named_site_may_ask_and_read(case):
    ours, theirs = "Origin: https://app.example.com", "Origin: https://evil.example"
    asked = "Access-Control-Request-Method: GET"
    answer = case.kept_out(request("/catalog/a", ours, asked, method="OPTIONS"), {200, 204})
    assert answer.header("access-control-allow-methods") == "GET", answer
    assert answer.header("access-control-allow-headers").lower() == "authorization", answer
    for lines, status in [([], 401), ([case.bearer], 200)]:
        answer = case.send("/catalog/a", ours, *lines)
        assert answer.status == status, answer
        assert answer.header("access-control-allow-origin") == "https://app.example.com", answer
        answer = case.send("/catalog/a", theirs, *lines)
        assert not answer.header("access-control-allow-origin"), answer


def curl_shows_a_password_or_a_digest_of_it(case):
    for way in ["--basic", "--digest", "--anyauth"]:
        answer = case.curl("/archive/7?x=1", way, "-u", f"ada:{PASSWORD}")
        seen = case.reached(answer)
        assert identity(seen)["subject"] == [case.claims["sub"]], seen
        assert not header(seen, "authorization"), seen
    assert case.curl("/archive/7", "--digest", "-u", "ada:wrong").status == 401
    assert case.curl("/archive/7").status == 401


def a_browser_signs_in_and_out(case):
    visitor = Visitor(case.world, case.door)
    seen = case.reached(visitor.sign_in(visitor.open("/desk/a?b=c")))
    assert seen["target"] == "/desk/a?b=c", seen
    assert identity(seen)["subject"] == [case.claims["sub"]], seen
    assert not header(seen, "cookie") and visitor.cookies["door"], seen
    visitor.cookies["door"]["theme"] = "dark"
    assert header(case.reached(visitor.open("/desk/a")), "cookie") == "theme=dark"

    cookie = visitor.cookie_line()
    case.kept_out(request("/desk/a", cookie, method="POST", host=visitor.host), {403})
    ours, theirs = f"Origin: https://{visitor.host}", "Origin: https://evil.example"
    case.kept_out(request("/desk/a", cookie, theirs, method="POST", host=visitor.host), {403})
    case.reached(case.send("/desk/a", cookie, ours, method="POST", host=visitor.host))

    answer = case.send("/.menshen/logout", cookie, ours, method="POST", host=visitor.host)
    assert answer.status in (200, 302, 303), answer
    case.kept_out(request("/desk/a", cookie, host=visitor.host), {401})
    assert visitor.open("/desk/a").status == 302


# What a client sends to be taken for somebody else


def nobody_says_who_they_are(case):
    names = ["X-Auth-Subject", "x-auth-roles", "X-AUTH-SCOPE", "X-Auth-Acr", "X-Auth-Client", "X-Auth-Jwt"]
    lines = [f"{name}: root" for name in names + names]
    seen = case.reached(case.send("/open/a", *lines))
    assert identity(seen) == {}, seen
    seen = case.reached(case.send("/orders/7", case.bearer, *lines))
    assert identity(seen) == told(case), seen


def no_spelling_gets_past(case):
    names = ["X_Auth_Subject", "x_auth_roles", "X-Auth_Roles", "X_AUTH-ACR"]
    for target, expected in [("/open/a", {}), ("/orders/7", told(case))]:
        for name in names:
            answer = case.send(target, case.bearer, f"{name}: root")
            assert answer.status in (200, 400), (name, answer.status)
            if answer.status == 200:
                assert identity(case.reached(answer)) == expected, (name, answer.body)


def connection_takes_no_header_away(case):
    names = ", ".join(f"X-Auth-{name}" for name in OURS)
    for lines in [[f"Connection: close, {names}"], [f"Connection: {names}", "Connection: close"]]:
        answer = case.send("/orders/7", case.bearer, *lines)
        assert answer.status in (200, 400), answer.status
        if answer.status == 200:
            assert identity(case.reached(answer)) == told(case), answer.body


def nobody_says_what_they_ask_for_by_a_header(case):
    asked = {
        "Method": ["OPTIONS", "GET"],
        "Uri": ["/open/a"],
        "URL": ["https://api.example.com/open/a", "https://www.example.com/"],
        "Host": ["www.example.com"],
        "Proto": ["https"],
        "Scheme": ["https"],
        "For": ["127.0.0.1"],
    }
    for prefix in ["X-Original-", "X-Forwarded-", "X_Original_", "X_Forwarded_"]:
        for name, values in asked.items():
            for value in values:
                line = f"{prefix}{name}: {value}"
                case.kept_out(request("/orders/7", line), {400, 401})
                case.kept_out(request("/orders/7", line, line), {400, 401})
    everything = [f"X-Forwarded-{name}: {values[0]}" for name, values in asked.items()]
    case.kept_out(request("/orders/7", *everything), {400, 401})
    case.kept_out(request("/orders/7", "X-HTTP-Method-Override: DELETE"), {400})
    case.kept_out(request("/open/a", "X-Rewrite-URL: /orders/7"), {400})


# What a client sends to be read in two ways


def no_trick_with_a_path_gets_past(case):
    for target in [
        "/open/../orders/7",
        "/open/..%2forders/7",
        "/open/%2e%2e/orders/7",
        "/open/%252e%252e/orders/7",
        "/open/..;/orders/7",
        "/open/..\\orders/7",
        "/open/%5c../orders/7",
        "/open/./../orders/7",
        "/open/a/../../orders/7",
        "//orders/7",
        "/open//../orders/7",
        "///orders//7",
        "/orders%2f7",
        "/%6frders/7",
        "/ORDERS/7",
        "/Orders/7",
        "/orders./7",
        "/orders/7.",
        "/orders;a=b/7",
        "/orders;/7",
        "/orders/7;.open",
        "/orders/7?/open/a",
        "/orders/7#/open/a",
        "/orders/7%00",
        "/orders/7%0a",
        "/open/%c0%ae%c0%ae/orders/7",
        "/orders/7 /open/a",
        "/orders/7\t/open/a",
        "/orders/\xff",
        "orders/7",
        "*",
        "",
        "@www.example.com/",
        "/" + "a" * 9000,
    ]:
        case.kept_out(request(target))
        case.kept_out(request(target, host="API.EXAMPLE.COM:443"))


def no_trick_with_a_host_gets_past(case):
    for host in [
        "www.example.com@api.example.com",
        "api.example.com/../www.example.com",
        "www.example.com/",
        "www.example.com:80:80",
        "www.example.com, api.example.com",
        "www.example.com#",
        "API.example.com.",
        "www.example.com?",
        "..",
        "",
        ["api.example.com", "www.example.com"],
        ["www.example.com", "api.example.com"],
        [],
    ]:
        case.kept_out(request("/orders/7", host=host))


def the_host_of_the_request_line_is_the_one_that_counts(case):
    for line, host in [
        ("http://www.example.com/orders/7", "api.example.com"),
        ("http://api.example.com/orders/7", "www.example.com"),
        ("https://www.example.com:443/orders/7", "api.example.com"),
        ("http://www.example.com@api.example.com/orders/7", "www.example.com"),
        ("HTTP://API.example.com./orders/7", "www.example.com"),
        ("http://api.example.com", "www.example.com"),
    ]:
        case.kept_out(request(line, host=host))


def a_request_does_not_hide_another(case):
    hidden = request("/orders/7")
    for lines in [
        ["Content-Length: 4", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 4"],
        ["Transfer-Encoding: xchunked"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
        ["Transfer-Encoding : chunked"],
        ["Transfer-Encoding:\x0bchunked"],
        ["Content-Length: 4", "Content-Length: 5"],
        ["Content-Length: +4"],
        [" Content-Length: 4"],
        ["X: y\nContent-Length: 0"],
    ]:
        raw = request("/open/a", *lines, "Connection: keep-alive", method="POST")
        case.kept_out(raw + b"0\r\n\r\n" + hidden)


def the_address_for_decisions_is_not_behind_the_door(case):
    for target in [
        "/forward-auth/nginx",
        "/forward-auth/caddy",
        "/menshen-decision",
        "/readyz",
        "/metrics",
        "/.menshen/../readyz",
        "/.menshen/%2e%2e/readyz",
        "/.menshen/..%2freadyz",
        "/.menshen//readyz",
        "/readyz/../.menshen/",
    ]:
        answer = case.kept_out(request(target))
        assert not answer.header("x-menshen-status"), (target, answer.headers)


def a_header_without_end_does_no_harm(case):
    # A proxy may be cut off by the gateway while it still sends.
    statuses = {400, 401, 413, 431, 500, 502, 503}
    case.kept_out(request("/orders/7", "X-Long: " + "a" * 200_000), statuses)
    case.kept_out(request("/orders/7", *[f"X-{i}: a" for i in range(2000)]), statuses)
    case.kept_out(request("/orders/7"), {401})


PROMISES = [
    who_may_gets_through_and_the_service_is_told_who_asks,
    a_body_arrives_whole,
    everybody_gets_what_is_for_everybody,
    cookies_arrive_and_nothing_is_made_up,
    credentials_stay_at_the_door_unless_a_rule_hands_them_on,
    nobody_gets_in_without_credentials,
    a_token_that_does_not_hold_is_challenged,
    a_token_without_the_scope_is_forbidden,
    what_no_rule_is_about_is_forbidden,
    a_browser_is_sent_to_sign_in_and_a_script_is_not,
    curl_shows_a_password_or_a_digest_of_it,
    a_browser_signs_in_and_out,
    two_sets_of_credentials_are_one_too_many,
    too_many_requests_are_told_when_to_come_back,
    scripts_of_a_named_site_may_ask_and_read,
    nobody_says_who_they_are,
    no_spelling_gets_past,
    connection_takes_no_header_away,
    nobody_says_what_they_ask_for_by_a_header,
    no_trick_with_a_path_gets_past,
    no_trick_with_a_host_gets_past,
    the_host_of_the_request_line_is_the_one_that_counts,
    a_request_does_not_hide_another,
    the_address_for_decisions_is_not_behind_the_door,
    a_header_without_end_does_no_harm,
]


# What happens around the doors, in this order


def after_a_logout_the_token_is_worth_nothing(case):
    case.reached(case.send("/orders/7", case.bearer))
    case.world.log_out(case.token)
    eventually("the logout", lambda: case.send("/orders/7", case.bearer).status == 401, seconds=5)
    answer = case.kept_out(request("/orders/7", case.bearer), {401})
    assert "invalid_token" in answer.header("www-authenticate"), answer.headers


def without_the_provider_nobody_is_told_to_sign_in_again(case):
    case.reached(case.send("/open/a"))
    eventually("stale", lambda: case.send("/orders/7", case.bearer).status == 503)
    answer = case.kept_out(request("/orders/7", case.bearer), {503})
    assert answer.header("retry-after"), answer.headers
    assert not answer.header("www-authenticate"), answer.headers


def with_the_provider_back_everybody_is_in_again(case):
    eventually("fresh", lambda: case.send("/orders/7", case.bearer).status == 200)


def without_the_gateway_nobody_gets_through(case):
    for target in ["/orders/7", "/open/a"]:
        case.kept_out(request(target, case.bearer), {0, 500, 502, 503})
        assert not case.world.echo.seen, case.world.echo.seen
