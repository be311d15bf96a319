import { vitePreprocess } from "@sveltejs/vite-plugin-svelte";

export default {
  preprocess: vitePreprocess(),
  compilerOptions: {
    runes: true,
    // Elements are made one by one, never from text read as HTML: the content security policy forbids that.
    fragments: "tree",
    // All styles are in the style sheets that the document names.
    css: "external",
  },
};
