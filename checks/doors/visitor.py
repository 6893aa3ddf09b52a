"""A browser without scripts: it goes to a door, is sent to the provider, fills in its forms, and
comes back with a cookie."""

import http.client
import urllib.parse
from html.parser import HTMLParser
from http.cookies import SimpleCookie

from wire import request
from world import PASSWORD


class Form(HTMLParser):
    """The form of a page that has a field of this name."""

    def __init__(self, html, field):
        super().__init__()
        self.forms = []
        self.feed(html)
        self.action, self.fields = next(
            (form for form in self.forms if field in form[1]), (None, None)
        )

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.forms.append((attributes.get("action", ""), {}))
        elif tag in ("input", "button") and self.forms and "name" in attributes:
            self.forms[-1][1][attributes["name"]] = attributes.get("value") or ""


class Visitor:
    """Somebody with a browser; each place has cookies of its own."""

    def __init__(self, world, door):
        self.world, self.door = world, door
        self.cookies = {"door": {}, "provider": {}}

    def open(self, target):
        """What a door answers to a browser that navigates there."""
        lines = ["Accept: text/html", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: none"]
        if self.cookies["door"]:
            lines.append(self.cookie_line())
        answer = self.door.send(request(target, *lines, host=self.host))
        for value in answer.all("set-cookie"):
            keep(self.cookies["door"], value)
        return answer

    def cookie_line(self):
        """Everything that a door's site would be sent."""
        return "Cookie: " + crumbs(self.cookies["door"])

    @property
    def host(self):
        return f"api.example.com:{self.door.port}"

    def sign_in(self, answer):
        """Goes where the answer leads, until the door shows something."""
        for _ in range(12):
            location = answer.header("location")
            if not location:
                return answer
            there = urllib.parse.urlsplit(location)
            if location.startswith(self.world.issuer):
                location = self.at_provider("GET", location)
                there = urllib.parse.urlsplit(location)
            assert there.netloc in ("", self.host), location
            answer = self.open(f"{there.path}?{there.query}" if there.query else there.path)
        raise AssertionError(f"it goes round in circles: {answer.headers}")

    def at_provider(self, method, url, **fields):
        """Fills in forms until the provider sends the browser away."""
        while True:
            status, location, html = self.ask_provider(method, url, fields)
            if location and not location.startswith(self.world.issuer):
                return location
            if location:
                method, url, fields = "GET", location, {}
                continue
            assert status == 200, (status, html[:500])
            form = Form(html, "password")
            fields = {"username": "ada", "password": PASSWORD}
            if form.action is None:
                form, fields = Form(html, "decision"), {"decision": "allow"}
            assert form.action is not None, html[:2000]
            method, url = "POST", urllib.parse.urljoin(url, form.action)
            fields = {**form.fields, **fields}

    def ask_provider(self, method, url, fields):
        there = urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection(there.netloc, timeout=20)
        headers = {"Sec-Fetch-Site": "same-origin"}
        if jar := self.cookies["provider"]:
            headers["Cookie"] = crumbs(jar)
        body = urllib.parse.urlencode(fields) if method == "POST" else None
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        target = there.path + (f"?{there.query}" if there.query else "")
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        for value in answer.headers.get_all("Set-Cookie") or []:
            keep(self.cookies["provider"], value)
        html = answer.read().decode()
        connection.close()
        location = answer.headers.get("Location")
        return answer.status, location and urllib.parse.urljoin(url, location), html


def crumbs(jar):
    return "; ".join(f"{name}={value}" for name, value in jar.items())


def keep(jar, value):
    for name, morsel in SimpleCookie(value).items():
        jar[name] = morsel.coded_value
        if morsel["max-age"] == "0" or not morsel.value:
            del jar[name]
