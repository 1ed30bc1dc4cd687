import type { Meta, StoryObj } from "@storybook/react-vite";
import { ledger } from "@/test/samples";
import { LedgerBadge, LedgerSum } from "./Ledger";

const meta = { title: "Keyword/Ledger", component: LedgerSum } satisfies Meta<typeof LedgerSum>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Balanced: Story = { args: { ledger } };
export const NotBalanced: Story = { args: { ledger: { ...ledger, folded: 4_898 } } };
export const Badge: Story = { args: { ledger }, render: () => <LedgerBadge ledger={ledger} /> };
