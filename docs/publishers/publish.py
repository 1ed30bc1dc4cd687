"""Sends tweets to tidings through NATS JetStream.

    python publish.py nats://127.0.0.1:4222 < tweets.ndjson

Standard input holds one event a line, each with the keyword it is about in the field "keyword". Ends with 1 when an
event was not acknowledged; sending all of them again is safe, since a tweet is counted once.
"""

import asyncio
import json
import sys
import unicodedata

import nats

IN_FLIGHT = 1000  # acknowledgements that are waited for at a time
PLAIN = set(b"abcdefghijklmnopqrstuvwxyz0123456789_-")


def token(keyword):
    """The keyword as the last part of a subject: its normal form, percent-encoded."""
    normal = unicodedata.normalize("NFKC", keyword)
    normal = unicodedata.normalize("NFKC", " ".join(normal.split()).lower())
    return "".join(chr(b) if b in PLAIN else f"%{b:02X}" for b in normal.encode())


async def main(url):
    client = await nats.connect(url)
    stream = client.jetstream(publish_async_max_pending=IN_FLIGHT)
    sent = []
    for line in sys.stdin:
        event = json.loads(line)
        subject = "tweets." + token(event.pop("keyword"))
        payload = json.dumps(event, ensure_ascii=False).encode()
        # Waits by itself while too many are on their way.
        sent.append(await stream.publish_async(subject, payload, wait_stall=30))
    answers = await asyncio.gather(*sent, return_exceptions=True)
    failed = [answer for answer in answers if isinstance(answer, Exception)]
    await client.close()
    print(f"{len(answers) - len(failed)} acknowledged")
    if failed:
        sys.exit(f"{len(failed)} not acknowledged, the first because of: {failed[0]!r}")


asyncio.run(main(sys.argv[1]))
