// Sends tweets to tidings through NATS JetStream.
//
//     node publish.mjs 127.0.0.1:4222 < tweets.ndjson
//
// Standard input holds one event per line, each with its keyword in the field "keyword". A line that cannot be sent is
// reported, and does not stop the others. Exits with 1 when an event was not sent or not acknowledged. Sending all of
// them again is safe, because a tweet is counted once.

import { pathToFileURL } from "node:url";
import { jetstream } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";

const IN_FLIGHT = 1000; // maximum number of unacknowledged messages
const MAX_BYTES = 64 * 1024; // of an event
const SELECTORS = /[\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/gu;
// Ranges of Hangul jamo that stay unchanged, and of half-width jamo that become these: first, last, first of the result.
const JAMO = [[0x3131, 0x3163, 0x3131], [0x3165, 0x318e, 0x3165], [0xffa1, 0xffbe, 0x3131], [0xffc2, 0xffc7, 0x314f],
  [0xffca, 0xffcf, 0x3155], [0xffd2, 0xffd7, 0x315b], [0xffda, 0xffdc, 0x3161]];
const AT_JAMO = /([\u3131-\u3163\u3165-\u318e\uffa1-\uffbe\uffc2-\uffc7\uffca-\uffcf\uffd2-\uffd7\uffda-\uffdc])/u;

// NFKC without variation selectors and with unchanged Hangul jamo; white space becomes one space.
function normalised(text) {
  const parts = text.replace(SELECTORS, "").split(AT_JAMO).map((part, index) => {
    if (index % 2 === 0) return part.normalize("NFKC");
    const code = part.codePointAt(0);
    const [first, , full] = JAMO.find(([first, last]) => first <= code && code <= last);
    return String.fromCodePoint(code - first + full);
  });
  return parts.join("").replace(/\p{White_Space}+/gu, " ").replace(/^ | $/g, "");
}

// The keyword as the last part of a subject: its normal form, percent-encoded.
export function token(keyword) {
  const normal = normalised(normalised(keyword).toLowerCase());
  const length = Array.from(normal).length;
  if (length < 1 || length > 64 || !normal.isWellFormed()) {
    throw new Error(`${JSON.stringify(keyword)} is not a keyword: it must have 1 to 64 characters`);
  }
  return Array.from(new TextEncoder().encode(normal), (byte) => {
    const character = String.fromCharCode(byte);
    return /[a-z0-9_-]/.test(character) ? character : "%" + byte.toString(16).toUpperCase().padStart(2, "0");
  }).join("");
}

// An id that no other event of any keyword has: NATS drops a second message with the same id.
// None for events that track keywords: two of the same time can have different rules.
function messageId(of, event) {
  if (String(event.type).startsWith("keyword.")) return {};
  const parts = [of, event.type, event.id ?? ""];
  // All others can be sent again for the same tweet.
  if (event.type !== "tweet.posted" && event.type !== "tweet.deleted") parts.push(event.at);
  const joined = parts.join("/");
  return /^[\x20-\x7e]*$/.test(joined) ? { msgID: joined } : {};
}

// The lines as bytes. (node:readline also ends a line at U+2028, which may occur in JSON.)
async function* lines(stream) {
  let rest = Buffer.alloc(0);
  for await (const chunk of stream) {
    const all = Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end; (end = all.indexOf("\n", start)) >= 0; start = end + 1) yield all.subarray(start, end);
    rest = all.subarray(start);
  }
  yield rest;
}

async function main(server) {
  const client = await connect({ servers: server });
  const stream = jetstream(client);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let waiting = [];
  let [acknowledged, duplicates, number] = [0, 0, 0];

  function failed(what) {
    console.error(what);
    process.exitCode = 1;
  }

  async function settle() {
    for (const answer of await Promise.allSettled(waiting)) {
      if (answer.status === "rejected") {
        failed(`not acknowledged: ${answer.reason}`);
      } else {
        acknowledged += 1;
        duplicates += answer.value.duplicate ? 1 : 0;
      }
    }
    waiting = [];
  }

  for await (const line of lines(process.stdin)) {
    number += 1;
    try {
      const text = decoder.decode(line).trim();
      if (text === "") continue;
      const event = JSON.parse(text);
      if (typeof event?.keyword !== "string") throw new Error('it is not an object with a string in the field "keyword"');
      if (line.length > MAX_BYTES) throw new Error(`it has more than ${MAX_BYTES} bytes`);
      const of = token(event.keyword);
      // Unchanged: tidings ignores unknown fields.
      const sent = stream.publish(`tweets.${of}`, text, messageId(of, event));
      sent.catch(() => {}); // settle() reports it; without a handler Node would end at the rejection
      waiting.push(sent);
    } catch (error) {
      failed(`line ${number} was not sent: ${error.message}`);
    }
    if (waiting.length === IN_FLIGHT) await settle();
  }
  await settle();
  await client.close();
  console.log(`${acknowledged} acknowledged` + (duplicates ? `, ${duplicates} of them known to NATS already` : ""));
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main(process.argv[2]);
