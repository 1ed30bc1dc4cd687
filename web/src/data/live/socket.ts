import type { Line } from "../types";
import { delay, hinted } from "./backoff";

export const PING_MS = 5_000;
/** Without any line for so long the connection counts as stale. */
export const STALE_MS = 15_000;
/** Without any line for so long the connection counts as lost; a sleeping laptop finds its socket like this. */
export const LOST_MS = 30_000;

export type Connection =
  | { state: "connecting" }
  | { state: "live" }
  | { state: "stale"; since: number }
  | { state: "lost"; since: number; retryAt: number; restart: boolean; code: number };

export interface SocketEvents {
  onOpen: () => void;
  onLine: (line: Line) => void;
  onConnection: (connection: Connection) => void;
}

/** Codes after which connecting again cannot help. */
const FINAL = new Set([4401, 4403]);

/** One WebSocket that is opened again when it ends. What is subscribed is not its business. */
export class LiveSocket {
  private socket: WebSocket | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private beat: ReturnType<typeof setInterval> | undefined;
  private attempts = 0;
  private heardAt = 0;
  private lostAt: number | undefined;
  private stale = false;

  constructor(
    private readonly url: string,
    private readonly events: SocketEvents,
    /** A socket that is already connecting or open, for the first connection. */
    private first?: WebSocket | undefined,
  ) {}

  start(): void {
    globalThis.addEventListener?.("online", this.now);
    this.connect();
  }

  stop(): void {
    globalThis.removeEventListener?.("online", this.now);
    clearTimeout(this.retry);
    clearInterval(this.beat);
    const socket = this.socket;
    this.socket = undefined;
    socket?.close(1000);
  }

  /** Connects at once instead of waiting for the next attempt. */
  readonly now = (): void => {
    if (this.lostAt === undefined) return;
    clearTimeout(this.retry);
    this.connect();
  };

  /** Drops the connection, so that everything starts again. */
  reset(): void {
    const socket = this.socket;
    if (!socket) return;
    socket.close(1000);
    this.ended(socket, 1000, "");
  }

  send(message: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  private connect(): void {
    const previous = this.socket;
    this.socket = undefined;
    previous?.close(1000);
    if (this.lostAt === undefined) this.events.onConnection({ state: "connecting" });
    const socket = this.firstSocket() ?? new WebSocket(this.url, "tidings.v1");
    this.socket = socket;
    this.heardAt = Date.now();
    const opened = () => {
      if (socket !== this.socket) return;
      this.attempts = 0;
      this.lostAt = undefined;
      this.stale = false;
      this.heardAt = Date.now();
      this.events.onConnection({ state: "live" });
      this.events.onOpen();
    };
    socket.onopen = opened;
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (socket !== this.socket || typeof data !== "string") return;
      this.heard();
      for (const line of data.split("\n")) if (line) this.events.onLine(JSON.parse(line) as Line);
    };
    socket.onclose = ({ code, reason }) => this.ended(socket, code, reason);
    clearInterval(this.beat);
    this.beat = setInterval(() => this.check(socket), PING_MS);
    if (socket.readyState === WebSocket.OPEN) opened();
  }

  /** The given socket, once, unless it has ended meanwhile. */
  private firstSocket(): WebSocket | undefined {
    const first = this.first;
    this.first = undefined;
    return first && first.readyState <= WebSocket.OPEN ? first : undefined;
  }

  private heard(): void {
    this.heardAt = Date.now();
    if (this.stale) {
      this.stale = false;
      this.events.onConnection({ state: "live" });
    }
  }

  private check(socket: WebSocket): void {
    if (socket !== this.socket) return;
    const silence = Date.now() - this.heardAt;
    if (silence > LOST_MS) {
      socket.close(1000);
      this.ended(socket, 1006, "");
      return;
    }
    if (silence > STALE_MS && !this.stale && socket.readyState === WebSocket.OPEN) {
      this.stale = true;
      this.events.onConnection({ state: "stale", since: this.heardAt });
    }
    this.send({ type: "ping" });
  }

  private ended(socket: WebSocket, code: number, reason: string): void {
    if (socket !== this.socket) return;
    this.socket = undefined;
    clearInterval(this.beat);
    this.lostAt ??= Date.now();
    const final = FINAL.has(code);
    // A client that was too slow comes back at once: nothing is wrong with the server.
    const wait = code === 4408 ? 0 : ((code === 1012 ? hinted(reason) : undefined) ?? delay(this.attempts));
    this.attempts += 1;
    this.stale = false;
    const retryAt = final ? Number.POSITIVE_INFINITY : Date.now() + wait;
    this.events.onConnection({ state: "lost", since: this.lostAt, retryAt, restart: code === 1012, code });
    if (!final) this.retry = setTimeout(() => this.connect(), wait);
  }
}
