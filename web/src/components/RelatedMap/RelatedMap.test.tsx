import { renderStories } from "@/test/renderStories";
import * as stories from "./RelatedMap.stories";

renderStories(stories);
