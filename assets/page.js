// The built-in page: the keywords, their volume, and their newest tweets, as they come. Whatever comes
// from a tweet is set as text, never as markup.

import { Live } from "./live.js";

/** Which keywords there are, and how many tweets each has, is asked again so often. */
const EVERY_MS = 3000;
const TWEETS = 4;
const DAY_MS = 86_400_000;
const MOST_DAYS = 366;

const TEXTS = {
  en: {
    api: "API",
    empty: "No keyword is tracked yet. Track one with POST /api/v1/keywords, or publish tweets.",
    summary: (keywords, tweets) => `${keywords} keywords · ${tweets} tweets`,
    count: (tweets) => `${tweets} tweets`,
    peak: (count) => `up to ${count} a day`,
    volume: (keyword) => `Tweets a day about ${keyword}`,
    catching_up: "catching up",
    quarantined: "quarantined",
    away: "The server does not answer; trying again.",
  },
  ko: {
    api: "API",
    empty: "아직 추적하는 키워드가 없습니다. POST /api/v1/keywords 로 추적을 시작하거나 트윗을 보내세요.",
    summary: (keywords, tweets) => `키워드 ${keywords}개 · 트윗 ${tweets}개`,
    count: (tweets) => `트윗 ${tweets}개`,
    peak: (count) => `하루 최대 ${count}개`,
    volume: (keyword) => `${keyword} 하루 트윗 수`,
    catching_up: "따라잡는 중",
    quarantined: "격리됨",
    away: "서버가 응답하지 않아 다시 시도하고 있습니다.",
  },
};

const language = (navigator.languages ?? [navigator.language])
  .map((tag) => tag.slice(0, 2).toLowerCase())
  .find((tag) => tag in TEXTS) ?? "en";
const texts = TEXTS[language];
const number = new Intl.NumberFormat(language);
const day = new Intl.DateTimeFormat(language, { year: "numeric", month: "short", day: "numeric" });
const moment = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });

const at = (id) => document.getElementById(id);

/** The browser's time zone, where it is one of whole hours. */
function zone() {
  const minutes = -new Date().getTimezoneOffset();
  if (minutes % 60 !== 0) {
    return "Z";
  }
  const hours = String(Math.abs(minutes) / 60).padStart(2, "0");
  return `${minutes < 0 ? "-" : "+"}${hours}:00`;
}

class Card {
  constructor(item) {
    this.token = item.token;
    this.keyword = item.keyword;
    this.article = at("card").content.firstElementChild.cloneNode(true);
    this.followed = false;
  }

  find(selector) {
    return this.article.querySelector(selector);
  }

  showHead(item) {
    this.item = item;
    this.find("h2").textContent = item.keyword;
    this.find(".count").textContent = texts.count(number.format(item.tweets));
    this.find(".status").textContent = item.status === "live" ? "" : texts[item.status] ?? item.status;
    this.find("svg").setAttribute("aria-label", texts.volume(item.keyword));
  }

  /** Follows the keyword while the card is in sight. */
  see(inSight) {
    if (inSight === this.followed) {
      return;
    }
    this.followed = inSight;
    if (inSight) {
      live.follow(this.keyword, this.topics(), (held, topic, fresh) => this.show(held, topic, fresh));
    } else {
      live.unfollow(this.keyword);
    }
  }

  topics() {
    const first = Date.parse(this.item.first_at ?? new Date().toISOString());
    const from = new Date(Math.max(first, Date.now() - MOST_DAYS * DAY_MS));
    return [
      { topic: "timeline", limit: TWEETS },
      { topic: "volume", step: "day", tz: zone(), from: from.toISOString() },
    ];
  }

  show(held, topic, fresh) {
    if (topic === "timeline") {
      const isNew = new Set(fresh);
      const tweets = held.timeline.tweets.slice(0, TWEETS);
      this.find("ol").replaceChildren(...tweets.map((tweet) => tweetElement(tweet, isNew.has(tweet.id))));
    }
    if (topic === "volume") {
      const points = [...held.volume.points].map(([at, count]) => ({ at, count }));
      this.draw(points.sort((a, b) => (a.at < b.at ? -1 : 1)));
    }
  }

  draw(points) {
    const most = Math.max(1, ...points.map((point) => point.count));
    const x = (index) => (points.length < 2 ? 240 : (240 * index) / (points.length - 1)).toFixed(1);
    const y = (count) => (46 - (44 * count) / most).toFixed(1);
    const line = points.map((point, index) => `${x(index)},${y(point.count)}`).join("L");
    this.find(".line").setAttribute("d", points.length ? `M0,${y(points[0].count)}L${line}` : "");
    this.find(".area").setAttribute("d", points.length ? `M0,48L0,${y(points[0].count)}L${line}L240,48Z` : "");
    this.find(".peak").textContent = texts.peak(number.format(most));
    for (const [selector, point] of [[".from", points[0]], [".to", points.at(-1)]]) {
      const element = this.find(selector);
      element.dateTime = point?.at ?? "";
      element.textContent = point ? day.format(new Date(point.at)) : "";
    }
  }
}

function tweetElement(tweet, isNew) {
  const element = at("tweet").content.firstElementChild.cloneNode(true);
  element.classList.toggle("new", isNew);
  element.querySelector(".text").textContent = tweet.text;
  element.querySelector(".author").textContent = `@${tweet.author.handle}`;
  const time = element.querySelector("time");
  time.dateTime = tweet.at;
  time.textContent = moment.format(new Date(tweet.at));
  if (/^https?:\/\//i.test(tweet.url ?? "")) {
    element.querySelector("a").href = tweet.url;
  }
  const { likes, reposts } = tweet.metrics;
  element.querySelector(".metrics").textContent = likes || reposts
    ? `♥ ${number.format(likes)} ↻ ${number.format(reposts)}`
    : "";
  return element;
}

const cards = new Map();
const live = new Live((isThere) => {
  at("notice").hidden = isThere;
});
const inSight = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    cards.get(entry.target.dataset.token)?.see(entry.isIntersecting);
  }
}, { rootMargin: "200px" });

function showKeywords(keywords) {
  const byTweets = [...keywords].sort((a, b) => b.tweets - a.tweets);
  const tokens = new Set(byTweets.map((item) => item.token));
  for (const [token, card] of cards) {
    if (!tokens.has(token)) {
      inSight.unobserve(card.article);
      card.see(false);
      card.article.remove();
      cards.delete(token);
    }
  }
  byTweets.forEach((item, index) => {
    let card = cards.get(item.token);
    if (!card) {
      card = new Card(item);
      card.article.dataset.token = item.token;
      cards.set(item.token, card);
      card.showHead(item);
      inSight.observe(card.article);
    }
    card.showHead(item);
    const place = at("keywords").children[index];
    if (place !== card.article) {
      at("keywords").insertBefore(card.article, place ?? null);
    }
  });
  const tweets = keywords.reduce((sum, item) => sum + item.tweets, 0);
  at("summary").textContent = texts.summary(number.format(keywords.length), number.format(tweets));
  at("empty").hidden = keywords.length > 0;
}

let tag = "";

async function refresh() {
  try {
    if (!document.hidden) {
      const response = await fetch("/api/v1/keywords", { headers: { "If-None-Match": tag }, cache: "no-store" });
      if (response.ok) {
        tag = response.headers.get("ETag") ?? "";
        showKeywords((await response.json()).keywords);
      }
    }
  } catch {
    // The live connection notices the same, and says so.
  }
  setTimeout(refresh, EVERY_MS);
}

document.documentElement.lang = language;
at("api").textContent = texts.api;
at("empty").textContent = texts.empty;
at("notice").textContent = texts.away;
refresh();
