import type { Meta, StoryObj } from "@storybook/react-vite";
import { tokenOf } from "@/data/token";
import { LONG_KEYWORD } from "@/test/samples";
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
const base = { shards: 16, busy: false, onRelease: () => undefined };
export const Typical: Story = {
  args: {
    ...base,
    keywords: [row("모루폰", "live"), row("서리온", "catching_up", 38), row("pellivar", "quarantined", 214)],
  },
};
export const LongContent: Story = {
  args: { ...base, keywords: [row(LONG_KEYWORD, "quarantined", 1_284_000)] },
};
export const Empty: Story = { args: { ...base, keywords: [] } };
