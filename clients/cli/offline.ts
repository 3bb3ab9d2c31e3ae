import type { Desk } from './desk.ts'

/** As they are typed. */
export interface OfflineWords {
  readonly offline?: boolean
  readonly port?: string
  readonly uiPort?: string
  readonly listen?: string
}

/** Starts the Temporal of this machine. @returns address of its UI */
export async function goOfflineTo({ out, goOffline }: Desk, goesTo: string, { port, uiPort, listen = '127.0.0.1' }: OfflineWords): Promise<string> {
  return (await goOffline({ goesTo, port: Number(port), uiPort: Number(uiPort), listen, say: (text) => out.line(text), warn: (text) => out.warn(text) })).ui
}
