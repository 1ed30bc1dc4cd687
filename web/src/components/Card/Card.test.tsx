import { renderStories } from "@/test/renderStories";
import * as stories from "./Card.stories";

renderStories(stories);
