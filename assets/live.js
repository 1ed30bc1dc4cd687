// A client of the live protocol, as docs/live.md describes it: one connection, a follower per keyword.

const PROTOCOL = "tidings.v1";
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
const BUSY_PAUSE_MS = 3_000;

/** Newest first: by time, then by id. */
function isNewer(a, b) {
  return a.at === b.at ? a.id > b.id : a.at > b.at;
}

/** What is held of one keyword: its newest tweets and its volume. */
class Follower {
  constructor(keyword, topics, changed) {
    this.keyword = keyword;
    this.topics = topics;
    this.changed = changed;
    this.timeline = null;
    this.volume = null;
  }

  subscription(id) {
    const message = { type: "subscribe", id, keyword: this.keyword, topics: this.topics };
    if (this.timeline) {
      const { epoch, seq, mark } = this.timeline;
      message.since = { epoch, seq, mark };
    }
    return message;
  }

  /** Takes a line in; false when it does not follow on what is held. */
  take(line) {
    const fresh = line.topic === "timeline" ? this.takeTimeline(line) : this.takeVolume(line);
    if (fresh === null) {
      return false;
    }
    this.changed(this, line.topic, fresh);
    return true;
  }

  takeTimeline(line) {
    if (line.type === "snapshot") {
      const begins = !this.timeline?.more;
      const tweets = begins ? line.items : [...this.timeline.tweets, ...line.items];
      this.timeline = { ...line, tweets, limit: line.limit ?? 50 };
      return [];
    }
    const held = this.timeline;
    if (!held || line.prev > held.seq || line.epoch !== held.epoch) {
      return null;
    }
    if (line.seq <= held.seq) {
      return [];
    }
    held.seq = line.seq;
    held.mark = line.mark;
    const gone = new Set([...line.removed, ...line.added.map((tweet) => tweet.id)]);
    const inside = line.added.filter((tweet) => !held.floor || !isNewer(held.floor, tweet));
    const tweets = [...held.tweets.filter((tweet) => !gone.has(tweet.id)), ...inside];
    const metrics = new Map(line.changed.map((change) => [change.id, change.metrics]));
    for (const tweet of tweets) {
      tweet.metrics = metrics.get(tweet.id) ?? tweet.metrics;
    }
    tweets.sort((a, b) => (isNewer(a, b) ? -1 : 1));
    // What is forgotten here lies below what is kept.
    if (tweets.length > held.limit * 4) {
      tweets.length = held.limit * 2;
      held.floor = tweets.at(-1);
    }
    held.tweets = tweets;
    return inside.map((tweet) => tweet.id);
  }

  takeVolume(line) {
    if (line.type === "snapshot") {
      const points = this.volume?.more ? this.volume.points : new Map();
      this.volume = { ...line, points };
    } else if (!this.volume || line.prev > this.volume.seq || line.epoch !== this.volume.epoch) {
      return null;
    } else if (line.seq < this.volume.seq) {
      return [];
    }
    Object.assign(this.volume, { seq: line.seq, until: line.until, more: line.more });
    for (const point of line.points) {
      this.volume.points.set(point.at, point.count);
    }
    return [];
  }
}

/** One connection, which comes back by itself. */
export class Live {
  /** @param isThere is told whether the server is there. */
  constructor(isThere) {
    this.isThere = isThere;
    this.followers = new Map();
    this.requests = 0;
    this.pause = FIRST_PAUSE_MS;
    this.socket = null;
    this.connect();
  }

  connect() {
    const url = new URL("/api/v1/live", location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url, PROTOCOL);
    socket.onopen = () => {
      this.socket = socket;
      this.pause = FIRST_PAUSE_MS;
      this.isThere(true);
      for (const follower of this.followers.values()) {
        this.subscribe(follower);
      }
    };
    socket.onmessage = (event) => {
      for (const text of event.data.split("\n")) {
        this.take(JSON.parse(text));
      }
    };
    socket.onclose = (event) => {
      this.socket = null;
      this.isThere(event.code === 1012);
      const pause = event.code === 1012 ? retryOf(event.reason) : this.pause * (0.5 + Math.random());
      this.pause = Math.min(this.pause * 2, LONGEST_PAUSE_MS);
      setTimeout(() => this.connect(), pause);
    };
  }

  /** Follows a keyword; `changed` is called with what is held, which topic moved, and the ids that are new. */
  follow(keyword, topics, changed) {
    const follower = new Follower(keyword, topics, changed);
    this.followers.set(keyword, follower);
    this.subscribe(follower);
  }

  unfollow(keyword) {
    if (this.followers.delete(keyword)) {
      this.say({ type: "unsubscribe", id: (this.requests += 1), keyword });
    }
  }

  subscribe(follower) {
    this.say(follower.subscription((this.requests += 1)));
  }

  say(message) {
    this.socket?.send(JSON.stringify(message));
  }

  take(line) {
    const follower = this.followers.get(line.keyword);
    if (!follower) {
      return;
    }
    if (line.type === "snapshot" || line.type === "update") {
      if (!follower.take(line)) {
        follower.timeline = null;
        this.subscribe(follower);
      }
    } else if (line.code === "busy") {
      const again = () => this.followers.get(line.keyword) === follower && this.subscribe(follower);
      setTimeout(again, BUSY_PAUSE_MS * (0.5 + Math.random()));
    } else if (line.type === "error") {
      this.followers.delete(line.keyword);
    }
  }
}

function retryOf(reason) {
  try {
    return JSON.parse(reason).retry_ms ?? FIRST_PAUSE_MS;
  } catch {
    return FIRST_PAUSE_MS;
  }
}
