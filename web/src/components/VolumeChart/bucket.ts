import type { Step } from "@/data/types";
import { day, dayAndTime, hour, hourMinute } from "@/format/time";
import type { Language } from "@/i18n/translate";

/** The name of a bucket: its day, hour or minute. */
export function bucketText(at: number, step: Step, language: Language): string {
  if (step === "day") return day(at, language);
  return step === "hour" ? `${day(at, language)} ${hour(at, language)}` : dayAndTime(at, language);
}

/** The name of a stretch; the day stands once when it begins and ends on the same. */
export function stretchText(from: number, to: number, step: Step, language: Language): string {
  const sameDay = new Date(from).toDateString() === new Date(to).toDateString();
  if (step === "day")
    return to - from <= 864e5 ? day(from, language) : `${day(from, language)}–${day(to - 1, language)}`;
  if (!sameDay) return `${bucketText(from, step, language)}–${bucketText(to, step, language)}`;
  const end = step === "hour" ? hour(to, language) : hourMinute(to);
  return `${bucketText(from, step, language)}–${end}`;
}
