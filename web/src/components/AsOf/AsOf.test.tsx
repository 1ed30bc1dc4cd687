import { renderStories } from "@/test/renderStories";
import * as stories from "./AsOf.stories";

renderStories(stories);
