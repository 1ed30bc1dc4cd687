import { type Language, translate } from "@/i18n/translate";

const two = (value: number) => String(value).padStart(2, "0");
const WEEKDAYS: Record<Language, readonly string[]> = {
  ko: ["일", "월", "화", "수", "목", "금", "토"],
  en: ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"],
};
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const weekday = (date: Date, language: Language) => WEEKDAYS[language][date.getDay()] ?? "";
const month = (date: Date) => MONTHS[date.getMonth()] ?? "";

/** 22:46:07, in the browser's zone. */
export function clock(at: number): string {
  const date = new Date(at);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

export function hourMinute(at: number): string {
  const date = new Date(at);
  return `${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** 22시 · 22:00 */
export function hour(at: number, language: Language): string {
  const hours = new Date(at).getHours();
  return language === "ko" ? `${hours}시` : `${two(hours)}:00`;
}

/** 11.25 수 · Wed 25 */
export function day(at: number, language: Language): string {
  const date = new Date(at);
  return language === "ko"
    ? `${date.getMonth() + 1}.${date.getDate()} ${weekday(date, language)}`
    : `${weekday(date, language)} ${date.getDate()}`;
}

/** 11.25 · 25 Nov */
export function shortDay(at: number, language: Language): string {
  const date = new Date(at);
  return language === "ko" ? `${date.getMonth() + 1}.${date.getDate()}` : `${date.getDate()} ${month(date)}`;
}

/** 11.24 14:05 · 24 Nov 14:05 */
export const dayAndTime = (at: number, language: Language) => `${shortDay(at, language)} ${hourMinute(at)}`;

/** 2026.11.25 (수) 22:46 · Wed 25 Nov 2026, 22:46 */
export function absolute(at: number, language: Language): string {
  const date = new Date(at);
  const time = hourMinute(at);
  return language === "ko"
    ? `${date.getFullYear()}.${date.getMonth() + 1}.${date.getDate()} (${weekday(date, language)}) ${time}`
    : `${weekday(date, language)} ${date.getDate()} ${month(date)} ${date.getFullYear()}, ${time}`;
}

/** 방금 · 42초 전 · 12분 전 · 3시간 전, and the date from a day on. */
export function relative(at: number, now: number, language: Language): string {
  const seconds = Math.max(0, Math.floor((now - at) / 1_000));
  if (seconds < 5) return translate(language, "time.now");
  if (seconds < 60) return translate(language, "time.s", { n: seconds });
  if (seconds < 3_600) return translate(language, "time.m", { n: Math.floor(seconds / 60) });
  if (seconds < 86_400) return translate(language, "time.h", { n: Math.floor(seconds / 3_600) });
  return dayAndTime(at, language);
}

/** 2026-11-25T22:46:07+09:00, in the browser's zone: for files, whose readers have no zone of their own. */
export function isoLocal(at: number): string {
  const date = new Date(at);
  const minutes = -date.getTimezoneOffset();
  const offset = `${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${clock(at)}${minutes < 0 ? "-" : "+"}${offset}`;
}

/** 2026-11-25T22:46, the way a field for local times takes it. */
export const fieldTime = (at: number) => isoLocal(at).slice(0, 16);

/** The browser's offset, as whole hours, the way the API takes it. */
export function zoneOffset(at = Date.now()): string {
  const hours = Math.round(-new Date(at).getTimezoneOffset() / 60);
  return `${hours < 0 ? "-" : "+"}${two(Math.abs(hours))}:00`;
}
