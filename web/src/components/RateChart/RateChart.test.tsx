import { renderStories } from "@/test/renderStories";
import * as stories from "./RateChart.stories";

renderStories(stories);
