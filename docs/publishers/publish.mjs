// Sends tweets to tidings through NATS JetStream.
//
//     node publish.mjs 127.0.0.1:4222 < tweets.ndjson
//
// Standard input holds one event a line, each with the keyword it is about in the field "keyword". Ends with 1 when an
// event was not acknowledged; sending all of them again is safe, since a tweet is counted once.

import { createInterface } from "node:readline";
import { jetstream } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";

const IN_FLIGHT = 1000; // acknowledgements that are waited for at a time

// The keyword as the last part of a subject: its normal form, percent-encoded.
function token(keyword) {
  const lower = keyword.normalize("NFKC").trim().replace(/\s+/gu, " ").toLowerCase();
  const bytes = new TextEncoder().encode(lower.normalize("NFKC"));
  return Array.from(bytes, (byte) => {
    const character = String.fromCharCode(byte);
    return /[a-z0-9_-]/.test(character) ? character : "%" + byte.toString(16).toUpperCase().padStart(2, "0");
  }).join("");
}

const client = await connect({ servers: process.argv[2] });
const stream = jetstream(client);
let waiting = [];
let acknowledged = 0;

async function settle() {
  for (const answer of await Promise.allSettled(waiting)) {
    if (answer.status === "rejected") {
      console.error(`not acknowledged: ${answer.reason}`);
      process.exitCode = 1;
    } else {
      acknowledged += 1;
    }
  }
  waiting = [];
}

for await (const line of createInterface({ input: process.stdin })) {
  const { keyword, ...event } = JSON.parse(line);
  waiting.push(stream.publish(`tweets.${token(keyword)}`, JSON.stringify(event)));
  if (waiting.length === IN_FLIGHT) await settle();
}
await settle();
await client.close();
console.log(`${acknowledged} acknowledged`);
