# SPDX-License-Identifier: ISC
"""Mails that are measured, always the same ones, with line ends of CRLF."""
import base64
import quopri
import random

MB = 1000000
HEAD = """From: =?utf-8?q?J=C3=BCrgen_M=C3=BCller?= <juergen@shop.example>
To: Ann Example <ann@example.com>, "Example, Bob" <bob@example.com>
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe_aus_M=C3=BCnchen?=
 =?utf-8?b?IOKAkyBJaHJlIEJlc3RlbGx1bmc=?=
Date: Tue, 24 Nov 2026 03:12:00 +0100
Message-ID: <20261124031200.1234@shop.example>
MIME-Version: 1.0
"""
TEXT = """Grüße aus München: die Lieferung Ihrer Bestellung erfolgt am Dienstag,
und zwar über unsere Filiale in der Straße „Am Großen Moor“ 12.
Your order has been shipped and will arrive within the next few days.
Please don't reply to this message; it was sent automatically – really.
Votre colis a été expédié à l'adresse indiquée lors de la commande.

Preis: 12,50 € (inkl. 19 % MwSt.), zahlbar innerhalb von 14 Tagen.
"""
HTML = """<table width="600" cellpadding="0" cellspacing="0" style="border-collapse: collapse">
<tr><td style="padding: 8px 16px; color: #333333">Grüße aus München,</td></tr>
<tr><td class="text"><p>Ihre Bestellung wurde <b>versandt</b> &ndash; sie kommt am Dienstag an.</p>
<a href="https://shop.example/orders/4711?a=1&amp;b=2" style="color: #0066cc">Zur Bestellung</a></td></tr>
<tr><td>Preis:&nbsp;12,50&nbsp;&euro; <img src="cid:logo" alt="Logo" width="1" height="1"></td></tr>
</table>
"""
LATIN1 = TEXT.translate({ord("„"): '"', ord("“"): '"', ord("–"): "-", ord("€"): "EUR"})


def quoted(text, charset="utf-8"):
    return quopri.encodestring(text.encode(charset)).decode()


def lines_of_base64(octets):
    return base64.encodebytes(octets).decode()


def some(lines, n):
    """Whole lines, again and again, n octets or a little more."""
    each = lines.splitlines(keepends=True)
    out = []
    while n > 0:
        out.append(each[len(out) % len(each)])
        n -= len(out[-1].encode())
    return "".join(out)


def wire(mail):
    return mail.replace("\n", "\r\n").encode()


def mixed():
    """10 KB: text, HTML and a PDF of 2.5 KB."""
    pdf = b"%PDF-1.4\n" + random.Random(1).randbytes(2500 - 9)
    return wire(HEAD + f"""Content-Type: multipart/mixed; boundary="=_outer"

--=_outer
Content-Type: multipart/alternative; boundary="=_inner"

--=_inner
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

{quoted(some(TEXT, 3500))}
--=_inner
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: quoted-printable

{quoted(some(HTML, 1400))}
--=_inner--

--=_outer
Content-Type: application/pdf; name="=?utf-8?q?Rechnung_M=C3=A4rz=2Epdf?="
Content-Disposition: attachment; filename*=utf-8''Rechnung%20M%C3%A4rz.pdf
Content-Transfer-Encoding: base64

{lines_of_base64(pdf)}
--=_outer--
""")


def large(kind, n=32 * MB):
    """A mail of about n octets, most of it one text or one attachment."""
    text = some(TEXT, 57 * 2000)
    rows = text.encode() + b"\n" * (-len(text.encode()) % 57)  # whole lines of base64 can be repeated
    type_, encoding, unit = {
        "text": ("text/plain; charset=utf-8", "8bit", text),
        "quoted-printable": ("text/plain; charset=utf-8", "quoted-printable", quoted(text)),
        "base64": ("text/plain; charset=utf-8", "base64", lines_of_base64(rows)),
        "latin1": ("text/plain; charset=iso-8859-1", "quoted-printable", quoted(some(LATIN1, 100000), "iso-8859-1")),
        "html": ("text/html; charset=utf-8", "8bit", some(HTML, 100000)),
        "attachment": ("application/pdf; name=a.pdf", "base64", lines_of_base64(random.Random(2).randbytes(57 * 2000))),
    }[kind]
    unit = wire(unit)
    return wire(f"{HEAD}Content-Type: {type_}\nContent-Transfer-Encoding: {encoding}\n\n") + unit * (n // len(unit))
