/** What `npm run scenario -- …` may say. */
export interface ScenarioOptions {
  readonly megabytes: number
  readonly keep: boolean
  readonly stop: boolean
  readonly runs: readonly Plot[]
}

/** How the primary is lost, and from what the other site begins. Temporal stands at the primary where that is killed. */
export interface Plot {
  readonly loss: Loss
  readonly mode: Mode
}

export const losses = ['killed', 'partitioned'] as const

/** Of the primary: every process killed and the link down; or only the link down. */
export type Loss = (typeof losses)[number]

export const modes = ['warm', 'restore'] as const

export type Mode = (typeof modes)[number]

const allRuns: readonly Plot[] = [
  { loss: 'killed', mode: 'warm' },
  { loss: 'partitioned', mode: 'restore' },
]

export const usage = `npm run scenario -- two-sites [options]
  --megabytes N           size of the database (1000)
  --primary LOSS          only one of the runs: ${losses.join(' or ')}
  --mode MODE             of the failover of every run: ${modes.join(' or ')}
  --keep                  leave the last run's machines up, to look around
  --stop                  end what --keep left
`

/** @throws Error that says which word is wrong */
export function parseOptions(words: readonly string[]): ScenarioOptions {
  const options = { megabytes: 1000, keep: false, stop: false, runs: allRuns }
  const [name, ...rest] = words
  if (name !== 'two-sites') throw new Error(name === undefined ? 'name a scenario: two-sites' : `there is no scenario "${name}"; there is two-sites`)
  for (let at = 0; at < rest.length; at++) {
    const word = rest[at]
    if (word === '--keep') options.keep = true
    else if (word === '--stop') options.stop = true
    else if (word === '--megabytes') options.megabytes = megabytes(rest[++at])
    else if (word === '--primary') options.runs = runsOf(loss(rest[++at]), options.runs)
    else if (word === '--mode') options.runs = options.runs.map(withMode(mode(rest[++at])))
    else throw new Error(`two-sites has no option ${word}`)
  }
  return options
}

function runsOf(wanted: Loss, runs: readonly Plot[]): readonly Plot[] {
  return runs.filter((one) => one.loss === wanted)
}

function withMode(wanted: Mode) {
  return (plot: Plot): Plot => ({ ...plot, mode: wanted })
}

function megabytes(word: string | undefined): number {
  const number = Number(word)
  if (Number.isInteger(number) && number >= 1 && number <= 20_000) return number
  throw new Error(`--megabytes takes a whole number from 1 to 20000, not ${word ?? 'nothing'}`)
}

export function loss(word: string | undefined): Loss {
  const found = losses.find((one) => one === word)
  if (found) return found
  throw new Error(`--primary takes ${losses.join(' or ')}, not ${word ?? 'nothing'}`)
}

export function mode(word: string | undefined): Mode {
  const found = modes.find((one) => one === word)
  if (found) return found
  throw new Error(`--mode takes ${modes.join(' or ')}, not ${word ?? 'nothing'}`)
}
