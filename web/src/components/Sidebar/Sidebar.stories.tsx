import type { Meta, StoryObj } from "@storybook/react-vite";
import { Navigate, Route, Routes } from "react-router";
import { keywordPath } from "@/data/token";
import { keyword, keywords, LONG_KEYWORD, overview, spikeOf, until } from "@/test/samples";
import { withStale } from "@/test/states";
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
export const Empty: Story = { args: { ...base, keywords: [], spikes: [] }, render: frame };
export const Burst: Story = {
  args: {
    ...base,
    keywords: keywords.map((each) => ({ ...each, count: each.count * 9_000 })),
    spikes: keywords.map((each) => spikeOf(each.keyword, { count: 4_000 })),
  },
  render: frame,
};
export const Stale: Story = {
  args: { ...base, connection: { kind: "stale", text: "22:41:07부터 조용해요" } },
  render: frame,
  decorators: [withStale],
};
export const Disconnected: Story = {
  args: { ...base, connection: { kind: "off", text: "인터넷 연결이 끊겼어요" } },
  render: frame,
  decorators: [withStale],
};
export const Selected: Story = {
  args: base,
  render: (args) => (
    <Routes>
      <Route path="*" element={<Navigate to={keywordPath("별가루단")} replace />} />
      <Route path="/k/:token" element={<Sidebar {...args} />} />
    </Routes>
  ),
};
/** More than two hundred keywords are drawn only where they are seen. */
export const ManyKeywords: Story = {
  args: { ...base, keywords: Array.from({ length: 260 }, (_, n) => keyword(`키워드 ${n}`, n + 1)) },
  render: frame,
};
/** The eleventh keyword and the ones after it share a colour, and have a ring. */
export const Again: Story = {
  args: { ...base, keywords: [...keywords].reverse() },
  render: frame,
};
