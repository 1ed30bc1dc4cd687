import type { Meta, StoryObj } from "@storybook/react-vite";
import { related } from "@/test/samples";
import { showsFailure, showsLoading, withStale } from "@/test/states";
import { RelatedList, RelatedMap } from "./RelatedMap";

const meta = { title: "Keyword/RelatedMap", component: RelatedMap } satisfies Meta<typeof RelatedMap>;
export default meta;
type Story = StoryObj<typeof meta>;

const frame: Story["render"] = (args) => (
  <div style={{ height: 420, display: "flex" }}>
    <RelatedMap {...args} />
  </div>
);
const base = { related: related(30), colour: "var(--k1)", onWord: () => undefined };
export const Typical: Story = { args: base, render: frame };
export const FewWords: Story = { args: { ...base, related: related(4) }, render: frame };
export const AsList: Story = {
  args: base,
  render: ({ related: data, onWord }) => <RelatedList related={data} onWord={onWord} />,
};
export const Stale: Story = { args: base, render: frame, decorators: [withStale] };
export const Loading: Story = { args: base, render: showsLoading(392) };
export const ErrorState: Story = { args: base, render: showsFailure };

export const Burst: Story = {
  args: {
    ...base,
    related: {
      ...base.related,
      nodes: base.related.nodes.map((node) => ({ ...node, count: node.count * 900 })),
    },
  },
  render: frame,
};
export const LongContent: Story = {
  args: {
    ...base,
    related: {
      ...base.related,
      nodes: base.related.nodes.map((node) => ({ ...node, word: node.word + "긴단어".repeat(6) })),
    },
  },
  render: frame,
};
