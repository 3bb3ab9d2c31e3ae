/** A scenario: what happened, and the procedures that bring a system through it, in order. Data alone; each procedure keeps its rules. */

/** What is known of the system when the sequence is made. */
export interface ScenarioAbout {
  readonly system: string
  readonly requestedBy: string
  /** Where it is active. */
  readonly site: string
  readonly home: string
  /** Null where it has one site. */
  readonly otherSite: string | null
  readonly databases: readonly ScenarioDatabase[]
  readonly trees: readonly string[]
  /** Components that a person named; null takes those of the scenario. */
  readonly components: readonly string[] | null
  /** When it happened, as a person said. */
  readonly at: string | null
  /** What the search found, or a person gave. */
  readonly moment: Moment | null
  /** Where copies are looked at; null chooses a neighbour of the data directory. */
  readonly into: string | null
  readonly probe: string | null
  readonly acceptLoss: boolean
  /** Hosts that somebody else may have ruled; null where nobody said so. */
  readonly suspects: readonly string[] | null
}

export interface ScenarioDatabase {
  readonly component: string
  readonly host: string
  readonly dataDirectory: string
  /** Whom Muster is to the server, and where it asks. */
  readonly user: string
  readonly database: string
  /** How many are configured. */
  readonly checks: number
}

/** A moment to come back to. */
export type Moment = { readonly kind: 'newest' } | { readonly kind: 'time'; readonly time: string }

export type StepProcedure = 'archiveWal' | 'drill' | 'restoreSystem' | 'recoverToPointInTime' | 'failover' | 'failback' | 'respondToBreach'

export interface ScenarioStep {
  /** What `--from` takes. */
  readonly id: string
  readonly what: string
  readonly why: string
  /** Exactly what a person types instead. */
  readonly command: string
  readonly procedure: StepProcedure
  /** Of the workflow; a `time` that is only known later says so. */
  readonly input: Readonly<Record<string, unknown>>
  /** Where the run gets its id from. */
  readonly idFrom: StepId
  /** Whose site worker carries it out: where the system is, or where it goes. */
  readonly worksAt: 'active' | 'other'
  /** What to look at before going on. */
  readonly look: readonly string[]
  readonly callOff: string
  /** How the step looks for the moment: a drill of each candidate, or a copy of each that SQL is asked of. */
  readonly search?: 'drills' | 'copies'
  /** The sequence ends before this step, because it may be days until then: what has to be so. */
  readonly notBefore?: string
}

export type StepId = 'target' | 'additive' | { readonly aside: { readonly host: string; readonly directory: string } }

export interface Scenario {
  readonly name: string
  /** What happened. */
  readonly when: string
  /** From when on commits or files are lost: the newest that the stores have, or the moment that comes back. */
  readonly lossFrom: 'newest' | 'moment'
  /**
   * What keeps it from being carried out as it was asked for, though it can be shown.
   * @param from the step that it goes on with
   * @throws MusterError
   */
  refuse?(about: ScenarioAbout, from: string | null): void
  /** @throws MusterError where the system has not what the scenario needs */
  steps(about: ScenarioAbout): readonly ScenarioStep[]
}

/** Written where a moment belongs that the search has not found yet. */
export const momentToBeFound = 'MOMENT'
