import { renderStories } from "@/test/renderStories";
import * as stories from "./VolumeChart.stories";

renderStories(stories);
