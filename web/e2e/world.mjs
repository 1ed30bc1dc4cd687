// A server of its own with an empty data folder, which serves the dashboard that is built into it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const binary = process.env.TIDINGS_BIN ?? "../target/release/tidings";

const listening = (server) =>
  new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));

async function freePort() {
  const probe = createServer();
  const port = await listening(probe);
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** A wire between dashboard and server that can go silent, as it does for a sleeping laptop. */
async function makeWire(port) {
  const open = new Set();
  const wire = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    const pair = { near, far };
    open.add(pair);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      from.pipe(to);
      from.on("error", () => undefined);
      from.on("close", () => {
        to.destroy();
        open.delete(pair);
      });
    }
  });
  return {
    port: await listening(wire),
    /** The connections of now carry nothing any more and are not closed. New ones work. */
    silence() {
      for (const { near, far } of open) {
        near.unpipe(far);
        far.unpipe(near);
        near.resume();
        far.resume();
      }
    },
    close() {
      for (const { near, far } of open) {
        near.destroy();
        far.destroy();
      }
      wire.close();
    },
  };
}

// The server takes every variable with this prefix for a setting, and refuses unknown ones.
const environment = () =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("TIDINGS_")));

/** Starts a server and the dashboard. `next` counts the published tweets: their ids are `e2e:1`, `e2e:2`, … */
export async function makeWorld({ command = "serve", startSeconds = 15 } = {}) {
  const data = await mkdtemp(join(tmpdir(), "tidings-e2e-"));
  const port = await freePort();
  const server = `http://127.0.0.1:${port}`;
  const wire = await makeWire(port);
  let child;
  let next = 1;

  async function start() {
    const args = [command, "--listen", `127.0.0.1:${port}`, "--data", data];
    child = spawn(binary, args, { stdio: "ignore", env: environment() });
    for (let tries = 0; tries < startSeconds * 10; tries += 1) {
      await wait(100);
      if ((await fetch(`${server}/readyz`).catch(() => undefined))?.ok) return;
    }
    child.kill();
    throw new Error("the server did not start");
  }

  async function stop(signal = "SIGTERM") {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }

  /** Publishes events that are given whole but for what each must have. */
  async function publishAll(events) {
    const lines = events.map((event) =>
      JSON.stringify({
        type: "tweet.posted",
        id: `e2e:${next++}`,
        at: new Date(Date.now() - 1).toISOString(),
        author: { handle: `user_${next % 7}` },
        lang: "ko",
        ...event,
      }),
    );
    const answer = await fetch(`${server}/api/v1/tweets`, {
      method: "POST",
      headers: { "content-type": "application/x-ndjson" },
      body: lines.join("\n"),
    });
    const body = await answer.json();
    assert.equal(body.accepted, events.length, JSON.stringify(body).slice(0, 400));
  }

  await start();

  return {
    server,
    baseURL: `http://127.0.0.1:${wire.port}`,
    start,
    stop,
    publishAll,
    publish: (keyword, count, changes = {}) =>
      publishAll(
        Array.from({ length: count }, (_, n) => ({
          keyword,
          text: `${keyword} 소식 ${next + n} 단어${(next + n) % 5}`,
          ...changes,
        })),
      ),
    /** The id of the tweet that was published last. */
    newest: () => `e2e:${next - 1}`,
    silence: () => wire.silence(),
    path: (keyword) => `/k/${encodeURIComponent(keyword)}`,
    async end() {
      wire.close();
      await stop();
      await rm(data, { recursive: true, force: true });
    },
  };
}
