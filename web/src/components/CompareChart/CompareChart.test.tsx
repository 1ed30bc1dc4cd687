import { renderStories } from "@/test/renderStories";
import * as stories from "./CompareChart.stories";

renderStories(stories);
