import { renderStories } from "@/test/renderStories";
import * as stories from "./SpikeList.stories";

renderStories(stories);
