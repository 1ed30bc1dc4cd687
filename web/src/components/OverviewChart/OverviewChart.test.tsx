import { renderStories } from "@/test/renderStories";
import * as stories from "./OverviewChart.stories";

renderStories(stories);
