/** What to do about a run that works at the wrong site, for whoever started it without the command line, which asks the right one. */
export function rightSite(site: string): string {
  return `started by hand, its input needs "at": "${site}"`
}
