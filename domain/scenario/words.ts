import type { ScenarioAbout } from './scenario.ts'

/** One word of a shell's command line. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

export function requested({ requestedBy }: ScenarioAbout): { readonly requestedBy: string } {
  return { requestedBy }
}
