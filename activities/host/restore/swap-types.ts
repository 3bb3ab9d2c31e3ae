import type { AnyStep, SwappedIn } from './types.ts'

/** A component's step with what the swap set aside. */
export type AnySwapStep = AnyStep & { readonly safety: SwappedIn['safety']; readonly keepSeconds: number }
