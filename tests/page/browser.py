# SPDX-License-Identifier: ISC
"""A headless Chromium, driven through the DevTools protocol over a pipe."""
import base64, json, os, select, subprocess, tempfile, time

TIMEOUT = 120  # seconds, a hard stop


class Browser:
    """Resolves no name outside this machine: hosts maps names, as --host-resolver-rules has it."""

    def __init__(self, hosts="", *words):
        self.profile = tempfile.TemporaryDirectory(prefix="chromium-")
        ours, theirs = os.pipe(), os.pipe()

        def inherit():
            for fd, number in ((os.dup(ours[0]), 3), (os.dup(theirs[1]), 4)):
                os.dup2(fd, number)

        name = os.environ.get("CHROMIUM", "chromium")
        self.process = subprocess.Popen(
            [name, "--headless=new", "--remote-debugging-pipe", "--user-data-dir=" + self.profile.name, "--no-first-run", "--disable-gpu",
             "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--host-resolver-rules=" + hosts + "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", *(["--no-sandbox"] if os.getuid() == 0 else []), *words, "about:blank"],
            preexec_fn=inherit, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(ours[0])
        os.close(theirs[1])
        self.write, self.read, self.n, self.buffer, self.events = ours[1], theirs[0], 0, b"", []

    def receive(self):
        end = time.monotonic() + TIMEOUT
        while b"\0" not in self.buffer:
            if not select.select([self.read], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError("the browser says nothing")
            octets = os.read(self.read, 1 << 20)
            if not octets:
                raise EOFError("the browser has gone")
            self.buffer += octets
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, **params):
        self.n += 1
        message = {"id": self.n, "method": method, "params": params} | ({"sessionId": session} if session else {})
        octets = json.dumps(message).encode() + b"\0"
        while octets:
            octets = octets[os.write(self.write, octets):]
        while (answer := self.receive()).get("id") != self.n:
            self.events.append(answer)
        if "error" in answer:
            raise RuntimeError("%s: %s" % (method, answer["error"]))
        return answer["result"]

    def wait(self, method, session):
        while True:
            for i, event in enumerate(self.events):
                if (event.get("method"), event.get("sessionId")) == (method, session):
                    return self.events.pop(i)
            self.events.append(self.receive())

    def targets(self):
        """What is open, but for the browser's own."""
        found = self.call("Target.getTargets")["targetInfos"]
        return sorted((t["type"], t["url"]) for t in found if t["type"] not in ("browser_ui", "tab") and not t["url"].startswith("chrome"))

    def close(self):
        try:
            self.call("Browser.close")
        except (EOFError, OSError):
            pass
        self.process.wait(TIMEOUT)
        self.profile.cleanup()


class Tab:
    def __init__(self, browser, path, width=1280, scheme="light", height=900, frames=False, waits=True):
        """Opens a page, and returns once it is loaded; with frames, once it and the documents in its frames are parsed."""
        self.browser, self.documents = browser, []
        self.id = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=self.id, flatten=True)["sessionId"]
        self.call("Page.enable")
        if frames:
            self.call("Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=False, flatten=True)
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.started = time.monotonic()
        self.call("Page.navigate", url="file://" + os.path.abspath(path))
        if not waits:
            return
        # what a frame may not load can keep Chromium from ever calling the page loaded
        self.browser.wait("Page.domContentEventFired" if frames else "Page.loadEventFired", self.session)
        self.seconds = time.monotonic() - self.started
        while frames and not self.find_documents():
            assert time.monotonic() < self.started + TIMEOUT, self.waiting
            time.sleep(0.05)

    def find_documents(self):
        """Finds the documents in the frames of the page.  False if one is not parsed yet."""
        frames, self.documents = [], []

        def look(node):
            if node.get("nodeName") == "IFRAME":
                frames.append(node["frameId"])
            for child in node.get("children", []):
                look(child)

        look(self.call("DOM.getDocument", depth=-1)["root"])
        attached = {event["params"]["targetInfo"]["targetId"]: event["params"]["sessionId"] for event in self.browser.events
                    if event.get("method") == "Target.attachedToTarget" and event.get("sessionId") == self.session}
        for frame in frames:
            state = self.value("document.readyState", attached[frame]) if frame in attached else "loading"
            if state == "loading":
                self.waiting = (frame, attached, self.value("document.body?.outerHTML.slice(0, 300)", attached[frame]) if frame in attached else None)
                return False
            root = self.browser.call("DOM.getDocument", attached[frame], depth=0)["root"]
            self.documents.append(self.browser.call("DOM.getOuterHTML", attached[frame], nodeId=root["nodeId"])["outerHTML"])
        return True

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def value(self, script, session):
        got = self.browser.call("Runtime.evaluate", session, expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in got:
            raise RuntimeError(json.dumps(got["exceptionDetails"])[:500])
        return got["result"].get("value")

    def run(self, script):
        """The value of a script; that of the inspector, not of the page, which has none."""
        return self.value(script, self.session)

    def press(self, key, code, text=None):
        for kind in "keyDown", "keyUp":
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **({"text": text} if text and kind == "keyDown" else {}))

    def click(self, x, y, button="left", modifiers=0):
        for kind in "mousePressed", "mouseReleased":
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, clickCount=1, modifiers=modifiers)

    def picture(self, path, height=4000):
        all_of_it = self.run("document.documentElement.scrollHeight")
        width = self.run("innerWidth")
        clip = {"x": 0, "y": 0, "width": width, "height": min(height, all_of_it), "scale": 1}
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)["data"]))

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.id)
