import { absolute, relative } from "@/format/time";
import { useNow } from "@/hooks/useNow";
import { useLanguage } from "@/i18n/I18n";

export function RelativeTime({ at }: { at: string }) {
  const language = useLanguage();
  const time = Date.parse(at);
  const now = Math.max(useNow(), time);
  return (
    <time dateTime={at} title={absolute(time, language)}>
      {relative(time, now, language)}
    </time>
  );
}
