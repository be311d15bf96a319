// The address bar is where the page keeps what it shows: paths for things, the query for filters. Back works.

class Router {
  path = $state(location.pathname);
  query = $state.raw(new URLSearchParams(location.search));

  constructor() {
    addEventListener("popstate", () => this.#read());
    addEventListener("click", (click) => this.#follow(click));
  }

  go(address: string): void {
    if (address !== location.pathname + location.search) history.pushState(null, "", address);
    this.#read();
  }

  /** Sets parts of the query; empty ones go. The way back leads to the page before, not through every keystroke. */
  filter(change: Record<string, string | undefined>): void {
    const query = new URLSearchParams(this.query);
    for (const [key, value] of Object.entries(change)) {
      if (value) query.set(key, value);
      else query.delete(key);
    }
    const text = query.toString();
    history.replaceState(null, "", text ? `${this.path}?${text}` : this.path);
    this.#read();
  }

  #read(): void {
    const moved = this.path !== location.pathname;
    this.path = location.pathname;
    this.query = new URLSearchParams(location.search);
    if (moved && !location.hash) scrollTo(0, 0);
  }

  /** Links within the page are followed without loading it anew; everything else is the browser's. */
  #follow(click: MouseEvent): void {
    if (click.defaultPrevented || click.button !== 0 || click.metaKey || click.ctrlKey || click.shiftKey || click.altKey) return;
    const link = click.target instanceof Element ? click.target.closest("a") : null;
    if (!link || link.origin !== location.origin || link.target || link.hasAttribute("download")) return;
    if (link.dataset["away"] !== undefined || link.hash) return;
    click.preventDefault();
    this.go(link.pathname + link.search);
  }
}

export const router = new Router();
