import type { Meta, StoryObj } from "@storybook/react-vite";
import { ledger } from "@/test/samples";
import { showsLoading, withStale } from "@/test/states";
import { LedgerBadge, LedgerSum } from "./Ledger";

const meta = { title: "Keyword/Ledger", component: LedgerSum } satisfies Meta<typeof LedgerSum>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Balanced: Story = { args: { ledger } };
export const NotBalanced: Story = { args: { ledger: { ...ledger, folded: 4_898 } } };
export const Badge: Story = { args: { ledger }, render: () => <LedgerBadge ledger={ledger} /> };
export const Empty: Story = {
  args: { ledger: { ...ledger, journaled: 0, folded: 0, duplicate: 0, ignored: 0, deleted: 0 } },
};
export const Burst: Story = { args: { ledger: { ...ledger, journaled: 12_840_000, folded: 12_839_985 } } };
export const NotBalancedBadge: Story = {
  args: { ledger },
  render: () => <LedgerBadge ledger={{ ...ledger, folded: 4_898 }} />,
};
/** Counting goes on: the sides differ for a moment. */
export const NotYet: Story = { args: { ledger: { ...ledger, folded: ledger.folded - 1 } } };
export const Loading: Story = { args: { ledger }, render: showsLoading(22) };
export const Stale: Story = { args: { ledger }, decorators: [withStale] };
