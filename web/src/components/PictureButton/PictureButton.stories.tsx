import type { Meta, StoryObj } from "@storybook/react-vite";
import { keywordNames, until } from "@/test/samples";
import { Card } from "../Card/Card";
import { Donut } from "../Donut/Donut";
import { PictureButton } from "./PictureButton";

const meta = { title: "Controls/PictureButton", component: PictureButton } satisfies Meta<
  typeof PictureButton
>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Typical: Story = {
  args: { panel: "share", subject: "한눈에 보기", win: "24시간", moment: () => Date.parse(until) },
  render: (args) => (
    <Card title="비중" actions={<PictureButton {...args} />}>
      <Donut
        total={600}
        slices={keywordNames
          .slice(0, 3)
          .map((name, index) => ({ name, colour: `var(--k${index + 1})`, count: 300 - index * 100 }))}
      />
    </Card>
  ),
};
