import type { Step } from "@/data/types";
import { day, dayAndTime, hour } from "@/format/time";
import type { Language } from "@/i18n/translate";

/** The name of a bucket: its day, hour or minute. */
export function bucketText(at: number, step: Step, language: Language): string {
  if (step === "day") return day(at, language);
  return step === "hour" ? `${day(at, language)} ${hour(at, language)}` : dayAndTime(at, language);
}
