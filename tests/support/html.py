"""A client of the dashboard without scripts: signs in, reads pages, and sends their forms."""

from html.parser import HTMLParser

import httpx2 as httpx


class FormClient:
    """A signed-in client of the dashboard of a running service."""

    def __init__(self, service, key):
        self.http = httpx.Client(base_url=service.url, timeout=30)
        signed = self.http.post("/dashboard/sign-in", data={"key": key})
        assert signed.status_code == 303, signed.text

    def page(self, path, status=200):
        answer = self.http.get(f"/dashboard{path}")
        assert answer.status_code == status, answer.text
        return answer.text

    def send(self, path, status=303, **fields):
        """Send a form of the settings page, with its CSRF token."""
        csrf = forms_of(self.page("/settings"))[0]["csrf"]
        answer = self.http.post(f"/dashboard{path}", data={"csrf": csrf, **fields})
        assert answer.status_code == status, answer.text
        return answer

    def close(self):
        self.http.close()


def forms_of(page):
    """Return the fields of each POST form of a page: names and values, and its `action`."""
    reader = _Forms()
    reader.feed(page)
    return reader.forms


class _Forms(HTMLParser):
    def __init__(self):
        super().__init__()
        self.forms = []
        self.inside = False

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        if tag == "form" and named.get("method") == "post":
            self.forms.append({"action": named["action"]})
            self.inside = True
        if tag == "input" and self.inside:
            self.forms[-1][named["name"]] = named.get("value", "")

    def handle_endtag(self, tag):
        if tag == "form":
            self.inside = False
