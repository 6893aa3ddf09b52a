"""A browser without scripts in front of the provider's pages: it fills in their forms and follows
redirects until one leads to the client."""

import copy
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

from place import CA, ISSUER, PASSWORD, USERNAME


class Page(HTMLParser):
    """A page of the provider, and its forms: each an action and its fields."""

    def __init__(self, url, html):
        super().__init__()
        self.url, self.html, self.forms = url, html, []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.forms.append((urljoin(self.url, attributes.get("action", "")), {}))
        elif tag in ("input", "button") and self.forms and "name" in attributes:
            self.forms[-1][1][attributes["name"]] = attributes.get("value") or ""

    def form_with(self, name):
        return next((form for form in self.forms if name in form[1]), None)


class Walker:
    """The browser."""

    def __init__(self):
        self.session = requests.Session()

    def clone(self):
        """The same browser as it is now, to look later what its cookies are worth."""
        twin = Walker()
        twin.session.cookies = copy.deepcopy(self.session.cookies)
        return twin

    def sign_in(self, url):
        """Signs in, agrees where it is asked to, and returns where the client is reached."""
        page = self.open(url)
        for _ in range(5):
            if not isinstance(page, Page):
                return page
            if page.form_with("password"):
                page = self.submit(page, username=USERNAME, password=PASSWORD)
            else:
                page = self.submit(page, decision="allow")
        raise AssertionError(f"no way back to the client from {page.html}")

    def sign_out(self, url):
        """Confirms where it is asked to; returns the address of the client, or the last page."""
        page = self.open(url)
        if isinstance(page, Page) and page.form_with("decision"):
            page = self.submit(page, decision="sign_out")
        return page

    def error_of(self, url):
        """What the client is told when nobody may be asked anything (`prompt=none`)."""
        return parse_qs(urlsplit(self.open(url)).query)["error"][0]

    def open(self, url):
        """The page at an address, or the address of a client."""
        return self._request("GET", url)

    def submit(self, page, **fields):
        """Sends the form of a page that has these fields."""
        form = page.form_with(next(iter(fields)))
        assert form, f"no form with {fields} in {page.html}"
        return self._request("POST", form[0], data={**form[1], **fields})

    def _request(self, method, url, **body):
        while url.startswith(ISSUER + "/"):
            headers = {"Sec-Fetch-Site": "same-origin"}
            answer = self.session.request(
                method, url, headers=headers, allow_redirects=False, verify=CA, **body
            )
            if "location" not in answer.headers:
                return Page(url, answer.text)
            method, url, body = "GET", urljoin(url, answer.headers["location"]), {}
        return url
