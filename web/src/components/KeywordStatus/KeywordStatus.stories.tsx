import type { Meta, StoryObj } from "@storybook/react-vite";
import { tokenOf } from "@/data/token";
import { LONG_KEYWORD, ledger } from "@/test/samples";
import { showsFailure, showsLoading, withStale } from "@/test/states";
import { KeywordStatus } from "./KeywordStatus";

const meta = { title: "Operations/KeywordStatus", component: KeywordStatus } satisfies Meta<
  typeof KeywordStatus
>;
export default meta;
type Story = StoryObj<typeof meta>;

const row = (keyword: string, status: "live" | "catching_up" | "quarantined", lag = 0) => ({
  keyword,
  token: tokenOf(keyword),
  status,
  lag,
  tweets: 5_127,
  as_of: 1,
  first_at: null,
  last_at: null,
});
const rows = [row("pellivar", "quarantined", 214), row("서리온", "catching_up", 38), row("모루폰", "live")];
const base = {
  shards: 16,
  busy: false,
  onRelease: () => undefined,
  ledgers: new Map([
    ["pellivar", { ...ledger, folded: ledger.folded - 214 }],
    ["모루폰", ledger],
  ]),
};
export const Typical: Story = { args: { ...base, keywords: rows } };
export const Releasing: Story = { args: { ...base, busy: true, keywords: rows } };
export const Burst: Story = {
  args: {
    ...base,
    keywords: rows.map((each) => ({ ...each, lag: each.lag * 4_000, status: "catching_up" })),
  },
};
export const ManyKeywords: Story = {
  args: { ...base, keywords: Array.from({ length: 260 }, (_, n) => row(`키워드${n}`, "live")) },
};
export const LongContent: Story = {
  args: { ...base, keywords: [row(LONG_KEYWORD, "quarantined", 1_284_000)] },
};
export const Empty: Story = { args: { ...base, keywords: [] } };
export const Stale: Story = { args: { ...base, keywords: rows }, decorators: [withStale] };
export const Loading: Story = { args: { ...base, keywords: rows }, render: showsLoading(420) };
export const ErrorState: Story = { args: { ...base, keywords: rows }, render: showsFailure };
