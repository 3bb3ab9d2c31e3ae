/** The search attributes of a run; workers register them before they poll. Stored in clear: names and words only. */
export const searchAttributeTypes = {
  MusterSystem: 'KEYWORD',
  MusterProcedure: 'KEYWORD',
  MusterPhase: 'KEYWORD',
  MusterOutcome: 'KEYWORD',
  MusterDrill: 'BOOL',
  MusterSpecHash: 'KEYWORD',
} as const

export type SearchAttributeName = keyof typeof searchAttributeTypes
