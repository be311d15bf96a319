// Which of the three themes. The system's light or dark unless somebody chose; the choice stays in this browser.

export type Theme = "system" | "light" | "dark" | "lcars";
export const THEMES: readonly Theme[] = ["system", "light", "dark", "lcars"];
const KEY = "stationd.theme";

class ThemeChoice {
  chosen = $state<Theme>(asked() ?? remembered());
  #dark = matchMedia("(prefers-color-scheme: dark)");
  #systemDark = $state(this.#dark.matches);

  constructor() {
    this.#dark.addEventListener("change", () => {
      this.#systemDark = this.#dark.matches;
      this.#show();
    });
    this.#show();
  }

  /** The theme that is on the screen. Charts draw themselves anew when it changes. */
  get shown(): Exclude<Theme, "system"> {
    if (this.chosen !== "system") return this.chosen;
    return this.#systemDark ? "dark" : "light";
  }

  choose(theme: Theme): void {
    this.chosen = theme;
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // A browser that keeps nothing shows the choice until it is closed.
    }
    this.#show();
  }

  #show(): void {
    document.documentElement.dataset["theme"] = this.shown;
  }
}

/** A link may ask for a theme: the old addresses of the LCARS pages lead here with `?theme=lcars`. */
function asked(): Theme | undefined {
  const name = new URLSearchParams(location.search).get("theme");
  return THEMES.find((theme) => theme === name);
}

function remembered(): Theme {
  try {
    const kept = localStorage.getItem(KEY);
    return THEMES.find((theme) => theme === kept) ?? "system";
  } catch {
    return "system";
  }
}

export const theme = new ThemeChoice();
