// How the page is built: plain files with hashed names, no inline script or style, nothing from elsewhere. Each text lies
// beside its compressed forms, so that the service compresses nothing while it runs.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

import { svelte } from "@sveltejs/vite-plugin-svelte";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const OUT = "dist/page";

/** The licences of what the page brings along. */
const LICENCES = ["@fontsource-variable/inter", "@fontsource-variable/antonio", "svelte", "uplot"];

function finish(): Plugin {
  return {
    name: "licences-and-compressed-forms",
    apply: "build",
    generateBundle() {
      const texts = LICENCES.map((name) => {
        const folder = join("node_modules", name);
        const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
        if (!file) throw new Error(`${name} has no licence beside it`);
        return `${name}\n\n${readFileSync(join(folder, file), "utf8")}`;
      });
      this.emitFile({ type: "asset", fileName: "assets/licences.txt", source: texts.join("\n\n----\n\n") });
    },
    writeBundle(_, bundle) {
      for (const name of Object.keys(bundle).filter((name) => /\.(html|js|css|svg|txt)$/.test(name))) {
        const path = join(OUT, name);
        const plain = readFileSync(path);
        writeFileSync(`${path}.gz`, gzipSync(plain, { level: 9 }));
        writeFileSync(`${path}.br`, brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
      }
    },
  };
}

export default defineConfig({
  plugins: [svelte(), finish()],
  build: {
    outDir: OUT,
    emptyOutDir: true,
    target: "es2022",
    // A data URL would need a hole in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { checks: { bundlerTimings: false } },
  },
  server: {
    // `npm run dev` shows the page of a station that runs beside it.
    proxy: Object.fromEntries(
      ["/api", "/ws"].map((path) => [path, { target: process.env["STATION"] ?? "http://127.0.0.1:8080", ws: path === "/ws" }]),
    ),
  },
  test: { include: ["src/**/*.test.ts"] },
});
