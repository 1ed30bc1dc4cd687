import { renderStories } from "@/test/renderStories";
import * as stories from "./Headline.stories";

renderStories(stories);
