#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Looks at pages of -f html in a headless Chromium: check.py PROGRAM DIRECTORY [NAME ...]

Runs the functions check_* of these names, or all.  Pages and pictures of them go
to the directory.  Prints a line for each, and how many passed.  The name picture
draws man/page.png.
"""
import base64, contextlib, email.message, inspect, os, re, socket, subprocess, sys, threading, time, traceback

from browser import TIMEOUT, Browser, Tab

HERE = os.path.dirname(os.path.abspath(__file__))
program, directory, *asked = sys.argv[1:]
program = os.path.abspath(program)
os.makedirs(directory, exist_ok=True)
os.chdir(directory)

PNG = bytes.fromhex("89504e470d0a1a0a0000000d494844520000000100000001080600000" + "01f15c4890000000d49444154789c6360f8cf500f000283017d44a6a4b10000000049454e44ae426082")
NEWSLETTER = """<!DOCTYPE html><html><head><style>body { font-family: sans-serif; background: #eef } .card { max-width: 600px; margin: auto; padding: 1rem; background: white }
h1 { color: #0a58a8 } @media (max-width: 480px) { h1 { color: #a8231a } }</style></head><body><div class="card"><h1>Your weekly digest</h1>
<p><img src="cid:logo" width="48" height="48" alt="logo"> Hello Alice, <b>three</b> things happened.</p><p><a href="https://app.test/read?id=1">Read more</a></p>
<img src="https://track.test/pixel.gif" width="1" height="1" alt=""></div></body></html>
"""


def newsletter(n=1):
    m = email.message.EmailMessage()
    m["From"], m["To"], m["Subject"] = '"Caf\u00e9 Zo\u00eb" <news@app.test>', "Alice <alice@x.test>", "Your weekly digest \u2764\ufe0f no. %d" % n
    m["Date"], m["Message-ID"] = "Tue, 24 Nov 2026 04:12:00 +0100", "<%d@app.test>" % n
    m.set_content("Hello Alice,\n\nthree things happened: https://app.test/read?id=1\n")
    m.add_alternative(NEWSLETTER, subtype="html")
    m.get_payload()[1].add_related(PNG, "image", "png", cid="<logo>")
    m.add_attachment(b"%PDF-1.4 nothing\n", "application", "pdf", filename="terms.pdf")
    m.set_boundary("b")
    return m.as_bytes().replace(b"\n", b"\r\n")


LOOK = r"<style>:where([hre\&\#102\;],[hre\&\#70\;]) { color: LinkText; text-decoration: underline }</style>"
PLAIN = b"From: app@x.test\r\nTo: bob@x.test\r\nSubject: Welcome\r\n\r\nHello Bob, click https://app.test/start\r\n"


def make(name, mails, *options):
    """Sends mails, each octets or a file, and makes a page of them."""
    words = ["to=alice@x.test", "to=audit@x.test"]
    for i, mail in enumerate(mails):
        if isinstance(mail, bytes):
            with open("%s.%d.eml" % (name, i), "wb") as f:
                f.write(mail)
            mail = "%s.%d.eml" % (name, i)
        words.append(mail)
    post = [sys.executable, os.path.join(HERE, "../cli/post.py")]
    subprocess.run([program, "-q", "-f", "html", "-o", name, *options, "--", "sh", "-c", 'exec "$@" "$SMTP_PORT" $words', "sh", *post],
                   env=dict(os.environ, words=" ".join(words)), stderr=subprocess.DEVNULL, timeout=300)
    return name


class Hits:
    """A server that notes who asks for what, or connects and asks for nothing."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=500)
        self.port = self.listener.getsockname()[1]
        self.hits = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.answer, args=(client,), daemon=True).start()

    def answer(self, client):
        self.hits.append("connection")
        with contextlib.suppress(OSError), client:
            request = client.recv(4096).split(b"\r\n")[0]
            if request:
                self.hits.append(request.decode("latin-1"))
                client.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi")

    def take(self):
        hits, self.hits = self.hits, []
        return hits

    def settle(self):
        """Returns once a connection made after all others has been seen."""
        with socket.create_connection(("127.0.0.1", self.port)) as s:
            s.sendall(b"GET /last HTTP/1.0\r\n\r\n")
            s.recv(4096)
        hits = self.take()
        hits.remove("connection")
        return [hit for hit in hits if "/last" not in hit]


def open_all(tab):
    tab.run("document.querySelectorAll('details').forEach(d => { d.open = true })")


def painted(tab):
    """Returns after the browser has drawn the page twice."""
    tab.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))).then(() => 0)")


# ---- hostile mail ----

def hostile(server):
    subprocess.run([sys.executable, os.path.join(HERE, "hostile.py"), "http://127.0.0.1:%d" % server.port, "hostile"], check=True)
    return ["hostile/" + name for name in sorted(os.listdir("hostile"))]


def make_hostile(server):
    """A page of all of them, each with its frame."""
    mails = hostile(server)
    assert len(mails) >= 20
    page = make("hostile.html", mails)
    source = open(page, encoding="utf-8").read()
    with open(page, "w", encoding="utf-8") as f:
        f.write(source.replace("<x-html ", "<iframe ").replace("</x-html>", "</iframe>"))
    return page


def check_hostile_mail_loads_and_opens_nothing(browsers):
    server = Hits()
    browser = browsers("MAP *.test 127.0.0.1:%d, " % server.port)
    page = make_hostile(server)
    tab = Tab(browser, page, frames=True)
    open_all(tab)
    painted(tab)
    assert len(tab.documents) >= 20
    assert not (hits := server.settle()), hits
    before = browser.targets()
    # a click everywhere, of each kind: no link leads out of its frame
    boxes = tab.run("""[...document.querySelectorAll('.frame')].map(f => { f.style.resize = 'none'; f.style.height = '500px'; const b = f.getBoundingClientRect();
        return [b.x, b.y + scrollY, b.height] })""")
    tab.call("Emulation.setDeviceMetricsOverride", width=1280, height=700, deviceScaleFactor=1, mobile=False)
    for x, y, height in boxes:
        top = tab.run("scrollTo(0, %d), scrollY" % (y - 50))
        for dy in range(10, 480, 36):
            for button, modifiers in (("left", 0), ("left", 2)):
                tab.click(x + 20, y - top + dy, button, modifiers)
    painted(tab)
    assert not (hits := server.settle()), hits
    opened = [t for t in browser.targets() if t[0] == "page"]
    assert opened == [t for t in before if t[0] == "page"], opened
    assert all(url in ("about:srcdoc", "chrome-error://chromewebdata/") for kind, url in browser.targets() if kind == "iframe"), browser.targets()
    tab.close()


def wait_for_hit(server, browser, page, wanted, *changes):
    """Waits until a page that is changed so asks for this, a regular expression."""
    source = open(page, encoding="utf-8").read()
    for before, after in changes:
        assert before in source, before
        source = source.replace(before, after)
    with open("control.html", "w", encoding="utf-8") as f:
        f.write(source)
    server.take()
    tab = Tab(browser, "control.html", waits=False)
    hits = []
    while not re.search(wanted, "\n".join(hits)):
        time.sleep(0.05)
        hits += server.settle()
        assert time.monotonic() < tab.started + TIMEOUT, (wanted, set(hits))
    tab.close()


POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def check_control_pages_do_load(browsers):
    """Without the policy, without the sandbox, and with names that frames have not, the same mails do what they want."""
    for wanted, *changes in (("GET /i1 ", (POLICY, "")), ("connection", ("hre&amp;#102;", "href")),
                             ("GET /(refresh|inline|top) ", (POLICY, ""), (" sandbox=''", ""), ("http-equi&amp;#118;", "http-equiv"))):
        server = Hits()
        page = make_hostile(server)
        wait_for_hit(server, browsers("MAP *.test 127.0.0.1:%d, " % server.port), page, wanted, *changes)


# ---- what is on the page ----

def check_each_part_opens_by_keyboard(browsers):
    page = make("parts.html", [newsletter(), PLAIN], "-n", "1", "--match", "subject: digest")
    tab = Tab(browsers(), page)
    parts = ["look", "text", "envelope", "headers", "attachments", "problems", "dialogue", "source"]
    seen, opened = [], set()
    for _ in range(80):
        tab.press("Tab", 9)
        at = tab.run("""(e => e === document.body ? null : [e.tagName, e.parentElement.className, e.closest('.mail') === document.querySelector('.mail'),
            e.parentElement.open ?? null])(document.activeElement)""")
        if at is None:  # in the frame, or at the end
            continue
        seen.append(at)
        tag, name, first, is_open = at
        if tag == "SUMMARY" and first and not is_open:
            tab.press("Enter", 13, "\r")
            opened.add(name)
    assert seen[0][0] == "A", seen[0]  # to skip to the verdict
    assert tab.run("document.querySelector('.mail > details').open"), seen
    missing = [part for part in parts if not tab.run("document.querySelector('.mail .%s').open" % part)]
    assert not missing, (missing, seen)
    assert {"", "text", "headers", "dialogue", "source"} <= opened, opened
    text = tab.run("document.querySelector('.mail').innerText")
    for words in ("Bcc: not named in the header", "https://track.test/pixel.gif", "three things happened", "Content-Type: multipart/mixed", "terms.pdf",
                  "C: RCPT TO:<audit@x.test>", "Your weekly digest \u2764\ufe0f no. 1", "RFC 2045", "Message-ID"):
        assert words in text, words
    near = tab.run("document.querySelectorAll('.mail')[1].querySelector('.near').textContent")
    assert near == "It fails --match 'subject: digest', as it has \"Welcome\".", near
    # the verdict comes last, and is seen first
    assert tab.run("document.querySelector('.verdict').getBoundingClientRect().bottom <= document.querySelector('.mails').getBoundingClientRect().top")
    assert tab.run("getComputedStyle(document.querySelector('.wait')).display") == "none"
    assert tab.run("document.querySelector('.verdict h2').textContent") == "As expected"
    tab.close()


def check_frames_have_the_mail(browsers):
    page = make("frames.html", [newsletter(), PLAIN, newsletter(2)])
    tab = Tab(browsers(), page, frames=True)
    documents = tab.documents
    assert len(documents) == 2
    for document in documents:
        document = document.replace(LOOK, "", 1)
        want = NEWSLETTER.replace("href", "hre&#102;").replace("cid:logo", "data:image/png;base64," + base64.b64encode(PNG).decode())
        assert re.sub(r"\s", "", document) == re.sub(r"\s", "", want), document
    # at the width that is asked for, which the mail's own style sees
    tab.run("document.querySelectorAll('.mail > details')[0].open = true")
    frame = "document.querySelector('.frame').getBoundingClientRect().width"
    page_width = tab.run(frame)
    tab.run("document.querySelector('.phone').click()")
    assert tab.run(frame) == 375
    tab.picture("phone.png", 1000)
    tab.run("document.querySelector('.desktop').click()")
    assert tab.run(frame) == 1000 and page_width > 1000, page_width
    tab.close()


def check_killed_run(browsers):
    page = make("whole.html", [newsletter(), PLAIN])
    octets = open(page, "rb").read()
    end = octets.index(b"</ol>\n<section class='verdict")
    with open("killed.html", "wb") as f:
        f.write(octets[:end])
    tab = Tab(browsers(), "killed.html", frames=True)
    assert tab.run("document.querySelectorAll('.mail').length") == 2
    assert tab.run("document.querySelector('.wait').innerText").startswith("No verdict yet")
    assert tab.run("document.querySelector('.wait').getBoundingClientRect().height") > 20
    assert len(tab.documents) == 1
    tab.close()


# ---- for people ----

CONTRAST = r"""(() => {
    const parse = c => { const n = c.match(/[\d.]+/g).map(Number); return c.startsWith('color(srgb') ? [n[0] * 255, n[1] * 255, n[2] * 255, n[3] ?? 1] : [n[0], n[1], n[2], n[3] ?? 1] };
    const light = ([r, g, b]) => { const f = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; return .2126 * f(r) + .7152 * f(g) + .0722 * f(b) };
    const probe = document.createElement('p'); probe.style.background = 'Canvas'; document.body.append(probe);
    const canvas = parse(getComputedStyle(probe).backgroundColor); probe.remove();
    const low = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const e = walk.currentNode.parentElement;
        if (!walk.currentNode.data.trim() || !e.checkVisibility()) continue;
        let back = canvas;
        for (let a = e; a; a = a.parentElement) { const c = parse(getComputedStyle(a).backgroundColor); if (c[3] > 0) { back = c; break } }
        const [x, y] = [light(parse(getComputedStyle(e).color)), light(back)].sort((a, b) => b - a);
        if ((x + .05) / (y + .05) < 4.5) low.push([(x + .05) / (y + .05), e.className, walk.currentNode.data.slice(0, 40)]);
    }
    return low })()"""


def check_light_dark_wide_and_narrow(browsers):
    page = make("looks.html", [newsletter(), PLAIN, b"Subject: " + b"x" * 500 + b"\r\n\r\n" + b"y" * 2000 + b"\r\n"], "-n", "2", "--match", "subject: .", "--strict")
    for width in 400, 1280:
        for scheme in "light", "dark":
            tab = Tab(browsers(), page, width, scheme, frames=True)
            tab.picture("%d-%s.png" % (width, scheme))
            open_all(tab)
            assert not (low := tab.run(CONTRAST)), low
            over = tab.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert over <= 0, (width, over)
            tab.run("document.querySelector('.phone').click()")
            painted(tab)
            tab.picture("%d-%s-open.png" % (width, scheme))
            tab.close()


def check_a_screen_reader_finds_its_way(browsers):
    page = make("reader.html", [newsletter()], "-n", "1")
    tab = Tab(browsers(), page)
    open_all(tab)
    nodes = tab.call("Accessibility.getFullAXTree")["nodes"]
    found = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes if not n.get("ignored")]
    for role, name in (("banner", None), ("main", None), ("heading", "Mail seen by fakesmtp"), ("region", "As expected"), ("heading", "As expected"), ("list", None),
                       ("Iframe", "HTML of message 1"), ("group", "Width"), ("radio", "page"), ("radio", "phone, 375 px"), ("radio", "desktop, 1000 px"),
                       ("link", "Skip to the verdict"), ("link", "terms.pdf"), ("rowheader", "From"), ("columnheader", "Expected"), ("DisclosureTriangle", "SMTP dialogue")):
        assert any(r == role and (name is None or n == name) for r, n in found), (role, name, sorted(set(found)))
    unnamed = [r for r, n in found if r in ("link", "radio", "DisclosureTriangle", "Iframe", "region") and not n]
    assert not unnamed, unnamed
    summary = next(n for r, n in found if r == "DisclosureTriangle")
    assert re.search(r"1 Your weekly digest .* from .* to .* 3 attachments|2 attachments", summary), summary
    tab.close()


def check_it_prints(browsers):
    page = make("print.html", [newsletter(), PLAIN])
    tab = Tab(browsers(), page, scheme="dark")
    tab.run("document.querySelectorAll('.mail > details').forEach(d => { d.open = true })")
    pdf = base64.b64decode(tab.call("Page.printToPDF", printBackground=True)["data"])
    with open("print.pdf", "wb") as f:
        f.write(pdf)
    assert pdf.startswith(b"%PDF") and 1 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 8, len(pdf)
    tab.close()


def check_many_messages_open_at_once(browsers):
    mails = [re.sub(b"three</b>", b"three</b>" + b" lorem ipsum dolor" * 400, newsletter(i)) for i in range(1000)]
    page = make("many.html", mails)
    tab = Tab(browsers(), page)
    assert tab.run("document.querySelectorAll('.mail').length") == 1000
    print("    1000 messages of %.1f KB, a page of %.1f MB: %.2f s" % (len(mails[0]) / 1e3, os.path.getsize(page) / 1e6, tab.seconds))
    assert tab.seconds < 60, tab.seconds
    tab.close()


def check_valid_html(browsers):
    """Tidy has no complaint but for two attributes that are newer than it; VNU=FILE names the Nu checker, which has none."""
    pages = [make("valid.html", [newsletter(), PLAIN], "-n", "2", "--match", "subject: digest"), make("empty.html", []),
             make("valid-hostile.html", hostile(Hits()))]
    newer = re.compile('proprietary attribute "loading"|attribute "method" has invalid value "dialog"')
    for page in pages:
        said = subprocess.run(["tidy", "-q", "-e", "-utf8", "--custom-tags", "blocklevel", page], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True).stderr
        assert not (wrong := [line for line in said.splitlines() if not newer.search(line)]), (page, wrong[:5])
    if "VNU" in os.environ:
        subprocess.run(["java", "-Xss16m", "-jar", os.environ["VNU"], *pages], check=True)
    assert os.path.getsize("empty.html") < 8192


def picture(browsers):
    """What README shows."""
    page = make("picture.html", [newsletter(), PLAIN], "-n", "1", "--match", "subject: digest")
    tab = Tab(browsers(), page, 1000)
    tab.run("document.querySelector('.mail > details').open = true; document.querySelector('.phone').click();"
            "document.querySelector('.frame').style.height = '20rem'; document.querySelector('.attachments').open = document.querySelector('.problems').open = false; document.querySelectorAll('.mail')[1].querySelector('details').open = true")
    painted(tab)
    path = os.path.join(HERE, "../../man/page.png")
    tab.picture(path, 1560)
    assert os.path.getsize(path) < 200000
    tab.close()


def main():
    browsers, failed, passed = {}, 0, 0

    def get(hosts=""):
        if hosts not in browsers:
            browsers[hosts] = Browser(hosts)
        return browsers[hosts]

    checks = {name[6:]: f for name, f in globals().items() if name.startswith("check_") and inspect.isfunction(f)}
    for name in asked or checks:
        started = time.monotonic()
        try:
            (checks | {"picture": picture})[name](get)
            passed += 1
            print("ok      %s (%.1f s)" % (name, time.monotonic() - started), flush=True)
        except Exception:
            failed += 1
            traceback.print_exc(file=sys.stdout)
            print("failed  " + name, flush=True)
    for browser in browsers.values():
        browser.close()
    print("page: %d passed, %d failed" % (passed, failed))
    sys.exit(failed > 0)


main()
