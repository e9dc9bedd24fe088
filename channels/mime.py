"""What does an e-mail look like on the line?

Every letter has the same few parts, so they are put together here: email.message, which can write any mail, takes
forty times as long for it. What has rules of its own comes from the standard library: the words of a header
(RFC 2047), the sender, dates, attachments. Every text is base64: no server on the way has 8-bit bytes, long lines or
dots at the start of a line to change. Caller: smtp.py.
"""

import re
from base64 import encodebytes
from collections.abc import Iterable, Iterator
from email.header import Header
from email.message import MIMEPart
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from channels.gateway import Attachment, Outgoing
from rules.offices import email_address

#: every line ends in CRLF, and no 8-bit body: not every server on the way takes one
POLICY: Final = SMTP.clone(cte_type="7bit")
# The alphabet of base64 has no underscore, so that no line of a part can be one of these.
EITHER: Final = "=_duban_either"
FILES: Final = "=_duban_files"
LINE_ENDS: Final = re.compile(r"\r\n|\r|\n")
WANTED: Final = "want a sender's address, such as duban@example.cn"
TYPE: Final = re.compile(r"[A-Za-z0-9.+-]+/[A-Za-z0-9.+-]+", re.ASCII)


def sender_of(text: str) -> tuple[str, str]:
    """Return the header line for a sender, with or without a name, and the bare address.

    Raises ValueError if there is not exactly one address.
    """
    try:
        name, header = POLICY.header_store_parse("From", text)
    except (ValueError, IndexError) as err:  # the latter: the parser's, at the end of what is no address
        raise ValueError(WANTED) from err
    addresses = header.addresses
    address = email_address(addresses[0].addr_spec) if len(addresses) == 1 else None
    if address is None or not address.isascii():
        raise ValueError(WANTED)
    return POLICY.fold(name, header), address


def content_of(outgoing: Outgoing, to: str, from_line: str, message_id: str) -> bytes:
    """Return the whole mail; every line ends in CRLF.

    Raises ValueError or MessageError for what cannot be put into a mail.
    """
    return b"".join(
        (
            from_line.encode("ascii"),
            _header("To", to),
            # A line break in a subject would begin another header.
            _worded("Subject", " ".join((outgoing.subject or "").split())),
            _header("Date", format_datetime(outgoing.at)),
            _header("Message-ID", message_id),
            b"Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n",
            *_body(outgoing),
        )
    )


def _header(name: str, value: str) -> bytes:
    """Return a header of plain ASCII; a line break, which would begin another one, is refused."""
    if not value.isprintable():
        raise ValueError(f"{name} holds what cannot be printed")
    return f"{name}: {value}\r\n".encode("ascii")


def _worded(name: str, words: str) -> bytes:
    """Return a header of any words, in lines of decent length."""
    folded = Header(words, "utf-8", header_name=name).encode(linesep="\r\n")
    return f"{name}: {folded}\r\n".encode("ascii")


def _body(outgoing: Outgoing) -> Iterator[bytes]:
    """Yield the headers of what is in the mail, and the parts: words, words as HTML, files."""
    words = _words(outgoing.text, outgoing.html)
    if not outgoing.attachments:
        yield from words
        return
    yield from _parts("mixed", FILES, words, *([_file(each)] for each in outgoing.attachments))


def _words(text: str, html: str | None) -> Iterator[bytes]:
    if html is None:
        return _text("plain", text)
    return _parts("alternative", EITHER, _text("plain", text), _text("html", html))


def _parts(sort: str, boundary: str, *parts: Iterable[bytes]) -> Iterator[bytes]:
    yield f'Content-Type: multipart/{sort};\r\n boundary="{boundary}"\r\n'.encode("ascii")
    for part in parts:
        yield f"\r\n--{boundary}\r\n".encode("ascii")
        yield from part
    yield f"\r\n--{boundary}--\r\n".encode("ascii")


def _text(sort: str, text: str) -> Iterator[bytes]:
    yield f"Content-Type: text/{sort}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n".encode("ascii")
    yield encodebytes(LINE_ENDS.sub("\r\n", text).encode("utf-8")).replace(b"\n", b"\r\n")


def _file(attachment: Attachment) -> bytes:
    """Return the part with a file; its name may be in any script."""
    if not TYPE.fullmatch(attachment.content_type):
        raise ValueError("an attachment's type is none")
    main, _, sub = attachment.content_type.partition("/")
    part = MIMEPart(policy=POLICY)
    part.set_content(attachment.content, main, sub, disposition="attachment", filename=attachment.name)
    return part.as_bytes()
