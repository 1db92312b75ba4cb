#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Reads a page of -f html as a browser does, and prints it as JSON: page.py [--cut] [FILE]

Fails if its own structure is not as the template has it, whatever the messages
are: other elements or attributes, one that is not closed, a frame without its
sandbox, a link to elsewhere.  With --cut the page may end anywhere; messages
that are not whole are left out.
"""
import base64, hashlib, html.parser, json, re, sys

ELEMENTS = """html head meta title style body header a h1 main p ol li details summary span i time div fieldset legend label
    input iframe x-html pre table tr th td strong code br ul form section h2""".split()
VOID = {"meta", "input", "br"}
ATTRIBUTES = """lang charset http-equiv content name class href id open datetime type checked title loading sandbox srcdoc
    scope colspan download tabindex method aria-labelledby""".split()
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


class Node:
    def __init__(self, tag, attributes, above):
        self.tag, self.attributes, self.above, self.children, self.closed = tag, attributes, above, [], False

    def all(self, what):
        """The elements in it of this tag, or .class"""
        for child in self.children:
            if isinstance(child, Node):
                if what == child.tag or what[0] == "." and what[1:] in child.attributes.get("class", "").split():
                    yield child
                yield from child.all(what)

    def first(self, what):
        return next(self.all(what), None)

    def text(self):
        return "".join(child if isinstance(child, str) else child.text() for child in self.children)


class Page(html.parser.HTMLParser):
    CDATA_CONTENT_ELEMENTS = ("style",)

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.top = self.at = Node("", {}, None)

    def handle_starttag(self, tag, attributes):
        assert tag in ELEMENTS, "element %s" % tag
        assert len({name for name, _ in attributes}) == len(attributes)
        for name, _ in attributes:
            assert name in ATTRIBUTES, "attribute %s of %s" % (name, tag)
        node = Node(tag, {name: value or "" for name, value in attributes}, self.at)
        self.at.children.append(node)
        if tag not in VOID:
            self.at = node
        if tag == "iframe":
            assert node.attributes["sandbox"] == "" and "srcdoc" in node.attributes and "src" not in node.attributes
        if "href" in node.attributes:
            assert node.attributes["href"] == "#verdict" or re.fullmatch(
                "data:application/octet-stream;base64,[A-Za-z0-9+/]*=*", node.attributes["href"]), node.attributes["href"]

    def handle_endtag(self, tag):
        assert tag == self.at.tag, "</%s> in <%s>" % (tag, self.at.tag)
        self.at.closed = True
        self.at = self.at.above

    def handle_data(self, text):
        if self.at.tag == "pre" and not self.at.children and text.startswith("\n"):
            text = text[1:]
        self.at.children.append(text)

    def handle_comment(self, _):
        raise AssertionError("a comment")

    def unknown_decl(self, _):
        raise AssertionError("a declaration")

    handle_pi = handle_comment


def rows(node):
    return [[cell.text() for cell in row.children if isinstance(cell, Node)] for row in node.all("tr")] if node else []


def attachment(row):
    link, (name, about) = row.first("a"), [cell.text() for cell in row.children if isinstance(cell, Node)]
    data = base64.b64decode(link.attributes["href"].split(",")[1]) if link else None
    sha256 = row.first("code").text()
    assert data is None or hashlib.sha256(data).hexdigest() == sha256
    return {"name": name, "about": about[:-64], "sha256": sha256, "size": None if data is None else len(data),
            "download": link and link.attributes["download"], "data": data is not None and data.decode("latin-1")}


# what a frame has beside the mail: the look of links, which are none any more
LOOK = "<style>:where([hre\\&\\#102\\;],[hre\\&\\#70\\;]) { color: LinkText; text-decoration: underline }</style>"


def html_of(frame):
    source = frame.attributes["srcdoc"]
    assert source.count(LOOK) == 1 and re.match(r"(\s*<!doctype[^>]*>)?<style>:where", source, re.I), source[:200]
    return source.replace(LOOK, "")


def message(item):
    part = lambda name: item.first("." + name)
    pre = lambda name: part(name).first("pre").text() if part(name) else None
    frame = item.first("iframe") or item.first("x-html")
    return {
        "n": int(item.first(".n").text()), "subject": item.first(".subject").text(), "time": item.first("time").text(),
        "row": re.sub(r"\s+", " ", item.first("summary").text()).strip(), "near": part("near") and part("near").text(),
        "html": frame and html_of(frame), "links": [li.text() for li in part("links").all("li")] if part("links") else [], "framed": item.first("iframe") is not None, "remote": [li.text() for li in part("remote").all("li")] if part("remote") else [],
        "text": pre("text"), "envelope": rows(part("envelope")), "fields": rows(part("headers"))[1:], "header": pre("headers"),
        "attachments": [attachment(row) for row in list(part("attachments").all("tr"))[1:]] if part("attachments") else [],
        "problems": [li.text() for li in part("problems").all("li")] if part("problems") else [],
        "dialogue": pre("dialogue"), "source": pre("source"), "notes": [p.text() for p in item.first(".parts").all("p") if p.attributes.get("class") not in ("title", "unframed")],
    }


cut = "--cut" in sys.argv
names = [word for word in sys.argv[1:] if word != "--cut"]
octets = (open(names[0], "rb") if names else sys.stdin.buffer).read()
source = octets.decode("utf-8")
assert source.startswith("<!DOCTYPE html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n")
assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff]", source)
page = Page()
page.feed(source)
page.close()
assert cut or page.at is page.top, "open at the end: <%s>" % page.at.tag
metas = {m.attributes.get("http-equiv", m.attributes.get("name")): m.attributes.get("content") for m in page.top.all("meta")}
assert metas["Content-Security-Policy"] == POLICY and metas["referrer"] == "no-referrer", metas
verdict = page.top.first(".verdict")
json.dump({
    "verdict": verdict and verdict.first("h2").text(), "reason": verdict and verdict.first("p") and verdict.first("p").text(),
    "rows": [[*row, tr.attributes.get("class")] for row, tr in zip(rows(verdict), verdict.all("tr"))][1:] if verdict else [],
    "remarks": [li.text() for li in verdict.all("li")] if verdict else [], "wait": page.top.first(".wait") is not None,
    "messages": [message(li) for li in page.top.first("ol").all("li") if li.attributes.get("class") == "mail" and li.closed],
}, sys.stdout, indent=1)
