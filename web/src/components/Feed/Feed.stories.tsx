import type { Meta, StoryObj } from "@storybook/react-vite";
import { useEffect, useRef, useState } from "react";
import { LONG_KEYWORD, tweet } from "@/test/samples";
import { Banner } from "../Banner/Banner";
import { Feed, type FeedProps } from "./Feed";

const meta = { title: "Keyword/Feed", component: Feed } satisfies Meta<typeof Feed>;
export default meta;
type Story = StoryObj<typeof meta>;

const nothing = () => undefined;
const base = {
  tweets: Array.from({ length: 12 }, (_, n) => tweet(n)),
  keyword: "모루폰",
  colour: "var(--k1)",
  live: true,
  rate: "시간당 12건",
  onOlder: nothing,
  onAuthor: nothing,
  onHide: nothing,
};
const NEW = 3;
/** New tweets come after the reader has done something that holds the feed. */
function Busy({ press, focus = false, ...props }: FeedProps & { press?: string; focus?: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const [come, setCome] = useState(false);
  useEffect(() => {
    if (press)
      [...(box.current?.querySelectorAll("button") ?? [])]
        .find((each) => each.textContent === press)
        ?.click();
    if (focus) box.current?.querySelector<HTMLElement>(".tweet")?.focus();
    setCome(true);
  }, [press, focus]);
  const fresh = Array.from({ length: NEW }, (_, n) => tweet(-NEW + n));
  return (
    <div ref={box}>
      <Feed {...props} tweets={come ? [...fresh, ...base.tweets] : base.tweets} />
    </div>
  );
}

/** A tweet is deleted while it is on screen. */
function Deleting(props: FeedProps) {
  const [gone, setGone] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setGone(true), 20);
    return () => clearTimeout(timer);
  }, []);
  const [first, second, ...rest] = base.tweets;
  if (!gone || !first || !second) return <Feed {...props} />;
  return <Feed {...props} tweets={[first, ...rest]} gone={[{ at: second.at, id: second.id }]} />;
}

export const Typical: Story = { args: base };
export const Loading: Story = { args: { ...base, tweets: undefined } };
export const Empty: Story = { args: { ...base, tweets: [] } };
export const NoMatch: Story = { args: { ...base, tweets: [], emptyText: "조건에 맞는 트윗이 없어요" } };
export const Disconnected: Story = { args: { ...base, stale: true } };
export const ErrorState: Story = {
  args: { ...base, tweets: undefined, error: "the server is busy", onRetry: nothing },
};
export const End: Story = { args: { ...base, end: "여기가 처음이에요. 11.25부터 모았어요." } };
export const Burst: Story = { args: { ...base, tweets: Array.from({ length: 3_000 }, (_, n) => tweet(n)) } };
export const Stale: Story = { args: { ...base, stale: true, rate: undefined } };
export const Past: Story = { args: { ...base, live: false } };
export const LongContent: Story = {
  args: {
    ...base,
    keyword: LONG_KEYWORD,
    tweets: [tweet(0, { text: LONG_KEYWORD.repeat(150), author: { handle: "x".repeat(64) } })],
  },
};
/** The list runs on while it is paused; what comes waits. */
export const Paused: Story = { args: base, render: (args) => <Busy {...args} press="멈추기" /> };
/** A reader who has scrolled down sees a pill. */
export const Scrolled: Story = { args: base, render: (args) => <Busy {...args} focus /> };
export const BucketChosen: Story = {
  args: { ...base, live: false, banner: <Banner tone="plain">오늘 22시–23시 트윗 12건</Banner> },
};
export const Filtered: Story = {
  args: { ...base, banner: <Banner tone="plain">user_1001 · 한국어</Banner>, rate: undefined },
};
export const Deleted: Story = { args: base, render: (args) => <Deleting {...args} /> };
