import { renderStories } from "@/test/renderStories";
import * as stories from "./Badge.stories";

renderStories(stories);
