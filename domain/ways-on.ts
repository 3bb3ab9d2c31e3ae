/** What a person types to go on with a paused run. */
export type WayOn = 'retry' | 'openWith' | 'acceptLoss' | 'giveUp'

export function waysOn(run: string, { allowed }: { readonly allowed: readonly WayOn[] }): readonly string[] {
  const texts = {
    retry: `mend it, then:  muster resume ${run} --reason TEXT`,
    openWith: `or without it:  muster resume ${run} --open-with STORE --reason TEXT`,
    acceptLoss: `or lose it:    muster resume ${run} --accept-loss --reason TEXT`,
    giveUp: `or roll back:   muster resume ${run} --give-up --reason TEXT`,
  }
  return allowed.map((action) => texts[action])
}
