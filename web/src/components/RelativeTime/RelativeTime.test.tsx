import { renderStories } from "@/test/renderStories";
import * as stories from "./RelativeTime.stories";

renderStories(stories);
