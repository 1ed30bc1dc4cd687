import type { Meta, StoryObj } from "@storybook/react-vite";
import { Empty, Failed } from "./Empty";

const meta = { title: "States/Empty", component: Empty } satisfies Meta<typeof Empty>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Typical: Story = { args: { title: "트윗이 오면 바로 여기에 보여요" } };
export const WithMore: Story = {
  args: {
    title: "이 기간에는 조용했어요",
    children: "기간을 넓히면 지난 트윗을 볼 수 있어요.",
    icon: "pulse",
  },
};
export const ErrorState: Story = {
  args: { title: "" },
  render: () => <Failed detail="the range has more than 10,000 points" onRetry={() => undefined} />,
};
