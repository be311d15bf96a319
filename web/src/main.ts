import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/lcars.css";

import { mount } from "svelte";

import App from "./App.svelte";
import { who } from "./lib/session.svelte";
import { live } from "./live/live.svelte";

const target = document.getElementById("app");
if (!target) throw new Error("the document has no place for the page");
// What the document shows until this runs.
target.replaceChildren();
mount(App, { target });
live.start();
void who.load();
