import { renderStories } from "@/test/renderStories";
import * as stories from "./SpikeStrip.stories";

renderStories(stories);
