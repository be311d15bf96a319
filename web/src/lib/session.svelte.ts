// Who is at the page, and what they may do.
import { type Role, type Session, access, covers } from "../api/access";
import { setCsrf } from "../api/client";
import { live } from "../live/live.svelte";

class Who {
  session = $state.raw<Session | null>(null);
  /** Whether it was asked; until then nothing is said about rights. */
  known = $state(false);

  load = async (): Promise<void> => {
    try {
      this.#take(await access.session());
    } catch {
      // Not reached. The freshness says so, and who is here is asked again with the next word from the station.
    }
  };

  async signIn(user: string, password: string): Promise<void> {
    this.#take(await access.signIn(user, password));
    live.renew();
  }

  async signOut(): Promise<void> {
    await access.signOut();
    await this.load();
    live.renew();
  }

  get name(): string | null {
    return this.session?.identity?.name ?? null;
  }

  get role(): Role | null {
    return this.session?.identity?.role ?? null;
  }

  /** Somebody signed in by name, as opposed to whoever sits at the station's own computer. */
  get signedIn(): boolean {
    return this.session?.via === "session";
  }

  may(needed: Role): boolean {
    return this.role !== null && covers(this.role, needed);
  }

  #take(session: Session): void {
    this.session = session;
    this.known = true;
    setCsrf(session.csrf ?? undefined);
  }
}

export const who = new Who();
