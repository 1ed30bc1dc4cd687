import type { Meta, StoryObj } from "@storybook/react-vite";
import { keyword, keywords, LONG_KEYWORD, overview, until } from "@/test/samples";
import { Sidebar } from "./Sidebar";

const meta = { title: "Shell/Sidebar", component: Sidebar } satisfies Meta<typeof Sidebar>;
export default meta;
type Story = StoryObj<typeof meta>;

const nothing = () => undefined;
const base = {
  keywords,
  spikes: overview.spikes ?? [],
  until,
  connection: { kind: "live" as const, text: "실시간" },
  settings: null,
  onFind: nothing,
  onAdd: nothing,
};
const frame: Story["render"] = (args) => (
  <div style={{ width: 244, height: 640 }}>
    <Sidebar {...args} />
  </div>
);
export const Typical: Story = { args: base, render: frame };
export const Loading: Story = {
  args: { ...base, keywords: [], connection: { kind: "wait", text: "연결하는 중" } },
  render: frame,
};
export const LongContent: Story = {
  args: { ...base, keywords: [keyword(LONG_KEYWORD, 1, { count: 12_840_000 }), ...keywords.slice(1)] },
  render: frame,
};
