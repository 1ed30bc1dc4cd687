"""Sends tweets to tidings through NATS JetStream.

    python publish.py nats://127.0.0.1:4222 < tweets.ndjson

Standard input holds one event per line, each with its keyword in the field "keyword". A line that cannot be sent is
reported, and does not stop the others. Exits with 1 when an event was not sent or not acknowledged. Sending all of
them again is safe, because a tweet is counted once.
"""

import asyncio
import json
import re
import sys
import unicodedata

import nats

IN_FLIGHT = 1000  # maximum number of unacknowledged messages
ACK_TIMEOUT = 30  # seconds
MAX_BYTES = 64 * 1024  # of an event
PLAIN = set(b"abcdefghijklmnopqrstuvwxyz0123456789_-")
SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
SPACE = re.compile("[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
# Ranges of Hangul jamo that stay unchanged, and of half-width jamo that become these: first, last, first of the result.
JAMO = [(0x3131, 0x3163, 0x3131), (0x3165, 0x318E, 0x3165), (0xFFA1, 0xFFBE, 0x3131), (0xFFC2, 0xFFC7, 0x314F),
        (0xFFCA, 0xFFCF, 0x3155), (0xFFD2, 0xFFD7, 0x315B), (0xFFDA, 0xFFDC, 0x3161)]
JAMO = {chr(code): chr(code - first + full) for first, last, full in JAMO for code in range(first, last + 1)}
AT_JAMO = re.compile("([" + "".join(JAMO) + "])")


def normalised(text):
    """NFKC without variation selectors and with unchanged Hangul jamo; white space becomes one space."""
    parts = AT_JAMO.split(SELECTORS.sub("", text))
    text = "".join(JAMO.get(part) or unicodedata.normalize("NFKC", part) for part in parts)
    return SPACE.sub(" ", text).strip(" ")


def token(keyword):
    """The keyword as the last part of a subject: its normal form, percent-encoded."""
    normal = normalised(normalised(keyword).lower())
    if not 1 <= len(normal) <= 64:
        raise ValueError(f"{keyword!r} is not a keyword: it must have 1 to 64 characters")
    return "".join(chr(b) if b in PLAIN else f"%{b:02X}" for b in normal.encode())


def message_id(of, event):
    """An id that no other event of any keyword has: NATS drops a second message with the same id.

    None for events that track keywords: two of the same time can have different rules.
    """
    if str(event.get("type")).startswith("keyword."):
        return None
    parts = [of, str(event.get("type")), str(event.get("id", ""))]
    if event.get("type") not in ("tweet.posted", "tweet.deleted"):
        parts.append(str(event.get("at")))  # these can be sent again for the same tweet
    joined = "/".join(parts)
    return {"Nats-Msg-Id": joined} if joined.isascii() and joined.isprintable() else None


def messages(lines):
    """Subject, payload and headers of each line, or its error."""
    for number, line in enumerate(lines, start=1):
        line = (line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line).strip()
        if not line:
            continue
        try:
            event = json.loads(line)
            if not isinstance(event, dict) or not isinstance(event.get("keyword"), str):
                raise ValueError("it is not an object with a string in the field \"keyword\"")
            if len(line) > MAX_BYTES:
                raise ValueError(f"it has more than {MAX_BYTES} bytes")
            of = token(event["keyword"])
        except (ValueError, RecursionError) as error:
            yield number, error, None, None
        else:
            # Unchanged: tidings ignores unknown fields.
            yield number, "tweets." + of, line, message_id(of, event)


async def main(url):
    client = await nats.connect(url)
    stream = client.jetstream(publish_async_max_pending=IN_FLIGHT)
    acknowledged = duplicates = failed = 0
    waiting = []

    async def settle():
        nonlocal acknowledged, duplicates, failed
        if not waiting:
            return
        answered, late = await asyncio.wait(waiting, timeout=ACK_TIMEOUT)
        for future in late:
            failed += 1
            print(f"not acknowledged: no answer came within {ACK_TIMEOUT} seconds", file=sys.stderr)
            future.cancel()
        for future in answered:
            if error := future.exception():
                failed += 1
                print(f"not acknowledged: {error!r}", file=sys.stderr)
            else:
                acknowledged += 1
                duplicates += bool(future.result().duplicate)
        waiting.clear()

    for number, subject, payload, headers in messages(sys.stdin.buffer):
        if payload is None:
            failed += 1
            print(f"line {number} was not sent: {subject}", file=sys.stderr)
            continue
        waiting.append(await stream.publish_async(subject, payload, wait_stall=30, headers=headers))
        if len(waiting) == IN_FLIGHT:
            await settle()
    await settle()
    await client.close()
    print(f"{acknowledged} acknowledged" + (f", {duplicates} of them known to NATS already" if duplicates else ""))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
