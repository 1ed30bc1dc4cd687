import type { Language } from "@/i18n/translate";

const grouped = new Intl.NumberFormat("en-US");

/** Exact, with grouped digits: for tables and tooltips. */
export const exact = (value: number) => grouped.format(value);

const cut = (value: number) =>
  value >= 100 ? String(Math.floor(value)) : String(Math.floor(value * 10) / 10);

/** For tight places: 9,999 · 1.2만 · 1.2억, or 12.4K · 1.2M. Cut, never rounded up to a figure not reached. */
export function compact(value: number, language: Language): string {
  if (value < 10_000) return grouped.format(value);
  if (language === "ko") {
    if (value < 1e8) return `${value >= 1e5 ? grouped.format(Math.floor(value / 1e4)) : cut(value / 1e4)}만`;
    return `${cut(value / 1e8)}억`;
  }
  if (value < 1e6) return `${cut(value / 1e3)}K`;
  return value < 1e9 ? `${cut(value / 1e6)}M` : `${cut(value / 1e9)}B`;
}

export type Change = { kind: "new" } | { kind: "same" } | { kind: "up" | "down"; percent: number };

/** The change of a count against the window before. */
export function changeOf(count: number, previous: number): Change {
  if (previous === 0) return count === 0 ? { kind: "same" } : { kind: "new" };
  const percent = Math.round(((count - previous) / previous) * 100);
  if (percent === 0) return { kind: "same" };
  return { kind: percent > 0 ? "up" : "down", percent: Math.abs(percent) };
}

/** 51% · 11배 from 1,000 % on. */
export function percentText(percent: number, language: Language): string {
  if (percent < 1_000) return `${grouped.format(percent)}%`;
  const times = grouped.format(Math.round(percent / 100) + 1);
  return language === "ko" ? `${times}배` : `${times}×`;
}

export const shareText = (share: number) => `${(share * 100).toFixed(1)}%`;

/** One decimal below 10, none above. */
export const multiple = (value: number) =>
  value < 10 ? (Math.round(value * 10) / 10).toFixed(1) : grouped.format(Math.round(value));

export const rankMove = (places: number) => (Math.abs(places) > 99 ? "99+" : String(Math.abs(places)));

export const decimal = (value: number) =>
  Number.isInteger(value) || value >= 1_000 ? grouped.format(Math.round(value)) : value.toFixed(1);
