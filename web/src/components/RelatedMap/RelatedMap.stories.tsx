import type { Meta, StoryObj } from "@storybook/react-vite";
import { related } from "@/test/samples";
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
